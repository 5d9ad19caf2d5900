"""`promptgrid run` and `promptgrid plan`: make a plan from the same options; `run` sends it, `plan` shows its cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import OutputFile, echo, echo_json, showing_progress
from promptgrid.cli.show import part_option
from promptgrid.cli.verdicts.gate_options import GateOptions, gate_options, read_gate_options
from promptgrid.prompt.parameters import AXIS_SPECS, SPECS, ParameterSpec

if TYPE_CHECKING:
    from promptgrid.grid import Plan
    from promptgrid.grid.preflight import Preflight

Command = Callable[..., Any]
Option = Callable[[Command], Command]


def _split_techniques(text: str) -> list[str]:
    from promptgrid.techniques import split_techniques  # slow to import

    return split_techniques(text)


class Listed(click.ParamType):  # type: ignore[type-arg]  # generic only for type checkers
    """A click type for options: values separated by commas, converted to a tuple of texts. `split` cuts the text into
    values, in place of a cut at each comma."""

    name = "a,b,…"

    def __init__(self, split: Callable[[str], list[str]] = lambda text: text.split(",")) -> None:
        self.split = split

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(part.strip() for part in self.split(value) if part.strip())


class AxisValues(Listed):
    """A click type for options: values of one parameter separated by commas, parsed by the parameter's own rule
    (`spec`)."""

    def __init__(self, spec: ParameterSpec) -> None:
        super().__init__(*([_split_techniques] if spec.listed else []))
        self.spec = spec
        self.name = ",".join([*map(spec.text, spec.offered[:2]), "…"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        return tuple(map(self.spec.parse, super().convert(value, param, ctx)))


_KINDS = {float: click.FLOAT, int: click.INT, str: click.STRING, tuple: click.STRING}


def _parameter_option(spec: ParameterSpec) -> Option:
    if spec.plural:
        return click.option(spec.option, spec.plural, type=AxisValues(spec), default=(), help=spec.help)
    if spec.kind is bool:
        return click.option(spec.option, spec.name, is_flag=True, default=None, help=spec.help)
    return click.option(spec.option, spec.name, type=_KINDS[spec.kind], multiple=spec.kind is tuple, help=spec.help)


_CASES = "A table of cases: CSV, TSV, JSON, JSON Lines, .xlsx or Parquet. Default: the prompt's own."
_EXPECTED = "The column with the right answers, if it is not called expected."
_ENCODING = "The encoding of a table that is not UTF-8, such as cp1251 or shift_jis."
_OPTIONS: tuple[Option, ...] = (
    click.argument("prompts", nargs=-1, required=True, metavar="PROMPT…"),
    click.option("--cases", type=click.Path(path_type=Path), help=_CASES),
    click.option("--expected", default="", metavar="COLUMN", help=_EXPECTED),
    click.option("--encoding", default="", help=_ENCODING),
    part_option,
    click.option("--group", default="", metavar="COLUMN", help="Cases alike in this column are never parted."),
    click.option("--model", "models", type=Listed(), default=(), help="ENDPOINT/MODEL, several separated by commas."),
    click.option("--technique", "techniques", type=Listed(_split_techniques), default="zero-shot", show_default=True),
    *(_parameter_option(spec) for spec in SPECS if spec.option),
    click.option("--samples", type=int, default=1, show_default=True, help="Replies to each case."),
    click.option("--examples", "examples_k", type=int, help="Examples in few-shot prompts. Default: all."),
    click.option("--examples-from", default="", metavar="TABLE", help="Its cases of the part learn are the examples."),
    click.option("--examples-as", type=click.Choice(["turns", "text"]), default="turns", show_default=True),
    click.option("--check", "checks", multiple=True, help="Such as label, or number:tolerance=0.1."),
    click.option("--budget", default="", help="The most to spend: 2.50usd, 100000tok, 500calls or 30min."),
    click.option("--max-calls", type=int, help="The most calls to make, judges and lost calls included."),
    click.option("--concurrency", type=int, help="Requests in flight at one endpoint."),
    click.option("--retries", type=int, default=5, show_default=True, help="How often a failed call is sent again."),
    click.option("--fresh", is_flag=True, help="Send again what is already answered."),
    click.option("--name", default="", help="The name of the run."),
)  # fmt: skip


def plan_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def more_options(command: Command) -> Command:
    for spec in reversed(AXIS_SPECS):
        text = f"Further {spec.axis}."
        command = click.option(spec.option, spec.plural, type=AxisValues(spec), default=(), help=text)(command)
    return command


def output_options(command: Command) -> Command:
    path = OutputFile()
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
        click.option("--jsonl", "jsonl_path", type=path),
        click.option("--csv-for-excel", is_flag=True, help="With a BOM, cells cut to Excel's limit."),
        click.option("--csv", "csv_path", type=path, help="Write the results here."),
    ):
        command = option(command)
    return command


def _plan(prompts: tuple[str, ...], cases: Path | None, checks: tuple[str, ...], **settings: Any) -> Plan:
    from promptgrid import api, budget

    budget.parse_budget(settings["budget"])
    return api.plan(prompts, cases, checks=checks or None, show=_note, doubts=False, **settings)  # the sheet has them


def _note(text: str) -> None:
    from promptgrid.text import one_line

    echo(f"Note: {one_line(text, 300)}", err=True)


@click.command()
@plan_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(as_json: bool, **options: Any) -> None:
    """Show the cost of a run; no model is called. Servers on this machine, and those with `tokenizer = true` in
    endpoints.toml, are sent the prompts to count their tokens; no others are sent anything.

    promptgrid plan sentiment --technique zero-shot,few-shot --temperature 0,0.7
    """
    from promptgrid.cli import sheet
    from promptgrid.runner import client
    from promptgrid.store import Database

    with showing_progress() as on_progress:
        preflight = client.preflight(Database(), _plan(**options), on_progress)
    echo_json(sheet.as_json(preflight)) if as_json else echo(sheet.as_text(preflight))


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
    """Run prompts over cases. Exit code 0 if every cell is answered and every gate holds, 1 if not, 2 if the command
    was wrong.

    promptgrid run prompts/sentiment.prompty --cases prompts/cases/sentiment.csv --temperature 0,0.7 --csv out.csv
    """
    from promptgrid.cli import live, sheet
    from promptgrid.runner import client
    from promptgrid.store import Database

    new_plan, database = _plan(**options), Database()
    gates = read_gate_options(
        database, new_plan, GateOptions(min_scores, confident, not_worse_than, strict, junit_path)
    )
    live.prepare(new_plan.models)

    def show(preflight: Preflight) -> None:
        if not as_json:
            echo(sheet.as_text(preflight), err=True)

    with showing_progress() as on_progress:
        run_id = client.submit(database, new_plan, show=show, on_progress=on_progress)
    del new_plan  # with its cases, which the runner reads from the database again
    outputs = live.Outputs(csv_path, csv_for_excel, jsonl_path, as_json, gates)
    raise SystemExit(live.carry_out(database, run_id, outputs))
