"""`promptgrid run` and `promptgrid plan`: the same options make a plan; one sends it, the other shows the sheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.gating import GateOptions, check_writable, gate_options, understood
from promptgrid.prompt.parameters import SPECS, ParameterSpec

if TYPE_CHECKING:
    from promptgrid.grid import Plan
    from promptgrid.grid.preflight import Preflight

Command = Callable[..., Any]
Option = Callable[[Command], Command]


class Listed(click.ParamType):  # type: ignore[type-arg]  # generic only for type checkers
    """Values with commas between them."""

    name = "a,b,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())


class Numbers(Listed):
    """Numbers with commas between them."""

    name = "0,0.7,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        try:
            return tuple(float(part) for part in super().convert(value, param, ctx))
        except ValueError:
            return self.fail(f'"{value}" is not a list of numbers, such as 0,0.7,1.2', param, ctx)


_KINDS = {float: click.FLOAT, int: click.INT, str: click.STRING, tuple: click.STRING}


def _parameter_option(spec: ParameterSpec) -> Option:
    return click.option(spec.option, spec.name, type=_KINDS[spec.kind], multiple=spec.kind is tuple, help=spec.help)


_OPTIONS: tuple[Option, ...] = (
    click.argument("prompts", nargs=-1, required=True, metavar="PROMPT…"),
    click.option("--cases", type=click.Path(path_type=Path), help="A CSV of cases; the prompt's own without it."),
    click.option("--model", "models", type=Listed(), default=(), help="ENDPOINT/MODEL, several with commas."),
    click.option("--technique", "techniques", type=Listed(), default="zero-shot", show_default=True),
    click.option("--temperature", "temperatures", type=Numbers(), default=(), help="From 0 to 2."),
    *(_parameter_option(spec) for spec in SPECS if spec.option and spec.name != "temperature"),
    click.option("--samples", type=int, default=1, show_default=True, help="How many replies to each cell."),
    click.option("--examples", "examples_k", type=int, help="How many examples few-shot shows; all without it."),
    click.option("--examples-as", type=click.Choice(["turns", "text"]), default="turns", show_default=True),
    click.option("--check", "checks", multiple=True, help="Such as label, or number:tolerance=0.1."),
    click.option("--budget", default="", help="2.50usd, 100000tok, 500calls, 30min: a wall."),
    click.option("--concurrency", type=int, help="Requests in flight at one endpoint."),
    click.option("--retries", type=int, default=5, show_default=True, help="How often a failed call is sent again."),
    click.option("--fresh", is_flag=True, help="Ask again for what is already answered."),
    click.option("--name", default="", help="What the run is called."),
)  # fmt: skip


def plan_options(command: Command) -> Command:
    """The options that make a plan."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def output_options(command: Command) -> Command:
    """Where the results go when the run has ended."""
    path = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the summary for a machine to read."),
        click.option("--jsonl", "jsonl_path", type=path),
        click.option("--csv-for-excel", is_flag=True, help="With a BOM, cells cut at what Excel can hold."),
        click.option("--csv", "csv_path", type=path, help="Write the results here."),
    ):
        command = option(command)
    return command


def _plan(prompts: tuple[str, ...], cases: Path | None, checks: tuple[str, ...], **settings: Any) -> Plan:
    from promptgrid import api, budget

    budget.parse_budget(settings["budget"])
    return api.plan(prompts, cases, checks=checks or None, **settings)


@click.command()
@plan_options
@click.option("--json", "as_json", is_flag=True, help="For a machine to read.")
def plan(as_json: bool, **options: Any) -> None:
    """Show what a run would take; nothing is sent.

    promptgrid plan sentiment --technique zero-shot,few-shot --temperature 0,0.7
    """
    from promptgrid.cli import sheet
    from promptgrid.runner import client
    from promptgrid.store import Database

    found = client.preflight(Database(), _plan(**options))
    click.echo(sheet.as_json(found) if as_json else sheet.as_text(found))


@click.command()
@plan_options
@gate_options
@output_options
def run(
    csv_path: Path | None,
    csv_for_excel: bool,
    jsonl_path: Path | None,
    as_json: bool,
    min_scores: tuple[str, ...],
    confident: bool,
    not_worse_than: str,
    strict: bool,
    junit_path: Path | None,
    **options: Any,
) -> None:
    """Run prompts over cases; exit 0 when every cell is answered and every gate held, 1 when not, 2 when the command
    was wrong.

    promptgrid run prompts/sentiment.prompty --cases prompts/cases/sentiment.csv --temperature 0,0.7 --csv out.csv
    """
    from promptgrid.cli import live, sheet
    from promptgrid.runner import client
    from promptgrid.store import Database

    for path in (csv_path, jsonl_path):
        check_writable(path)
    chosen, database = _plan(**options), Database()
    gates = understood(database, chosen, GateOptions(min_scores, confident, not_worse_than, strict, junit_path))
    live.prepare(chosen.models)

    def show(found: Preflight) -> None:
        if not as_json:
            click.echo(sheet.as_text(found), err=True)

    run_id = client.submit(database, chosen, show=show)
    outputs = live.Outputs(csv_path, csv_for_excel, jsonl_path, as_json, gates)
    raise SystemExit(live.carry_out(database, run_id, outputs))
