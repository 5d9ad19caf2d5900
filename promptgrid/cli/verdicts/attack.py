"""`promptgrid attack` and `attacked`: hostile texts in a variable of a prompt, and which defences hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import echo, echo_json, print_table
from promptgrid.cli.run import Listed

if TYPE_CHECKING:
    from promptgrid.attacks import DefenceResult
    from promptgrid.grid.preflight import Preflight


@click.command()
@click.argument("prompt")
@click.option("--variable", required=True, metavar="NAME", help="The variable whose text strangers write.")
@click.option("--aim", "aims", type=Listed(), default=(), help="canary, label, system, tool, format. Default: all.")
@click.option("--defence", "defences", type=Listed(), default=(),
              help="delimiters, random-delimiters, datamarking, sandwich, notice, refused-example, own-message, none."
              " Default: all.")  # fmt: skip
@click.option("--cases", type=click.Path(path_type=Path), help="A table of cases. Default: the prompt's own.")
@click.option("--model", "models", type=Listed(), default=(), help="ENDPOINT/MODEL, several separated by commas.")
@click.option("--technique", "techniques", type=Listed(), default=("zero-shot",), show_default="zero-shot")
@click.option("--max-tokens", type=int)
@click.option("--temperature", "temperatures", type=float, multiple=True, default=(0.0,), show_default="0")
@click.option("--budget", default="", help="The most to spend: 2.50usd, 100000tok, 500calls or 30min.")
@click.option("--dry-run", is_flag=True, help="Show the cost and send nothing.")
def attack(
    prompt: str, variable: str, aims: Sequence[str], defences: Sequence[str], cases: Path | None, dry_run: bool,
    **settings: Any,
) -> None:  # fmt: skip
    """Put hostile texts into a variable of PROMPT and count how many get what they ask for, with and without defences.

    All aims are harmless and checked by code. Beside the attacks all cases run as they are, and some with a harmless
    sentence that has words of attacks: a defence that blocks everything is seen there. It is a run like any other:
    paused by Ctrl+C, resumed, and read again by promptgrid attacked RUN.

    promptgrid attack sentiment --variable text --defence notice,sandwich --max-tokens 16
    """
    from promptgrid import api
    from promptgrid.attacks import AIMS, DEFENCES, attack_plan
    from promptgrid.cli import live, sheet
    from promptgrid.runner import client
    from promptgrid.store import Database

    database = Database()
    base = api.plan(prompt, cases, show=_note, doubts=False, **settings)
    kept = {name: value for name, value in settings.items() if value not in (None, "", ())}
    chosen = () if tuple(defences) == ("none",) else defences or tuple(DEFENCES)
    made = attack_plan(base.prompts[0], list(base.cases), variable, aims=aims or AIMS, defences=chosen, **kept)
    for sentence in made.left_out:
        _note(f"left out: {sentence}")
    if dry_run:
        echo(sheet.as_text(client.preflight(database, made.plan)))
        return
    live.prepare(made.plan.models)

    def show(preflight: Preflight) -> None:
        echo(sheet.as_text(preflight), err=True)

    run_id = client.submit(database, made.plan, show=show)
    code = live.carry_out(database, run_id, live.Outputs())
    _print(run_id)
    raise SystemExit(code)


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True)
def attacked(run: str, as_json: bool) -> None:
    """Show which attacks of an attack RUN each variant of the prompt held, and what it cost on clean cases."""
    from promptgrid.attacks import held
    from promptgrid.store import Database
    from promptgrid.store.runs import find_run

    run_id = find_run(Database(), run).id
    if as_json:
        echo_json(json.dumps([asdict(one) for one in held(Database(), run_id)]))
        return
    _print(run_id)


def _note(text: str) -> None:
    from promptgrid.text import one_line

    echo(f"Note: {one_line(text, 300)}", err=True)


def _print(run_id: str) -> None:
    from promptgrid.attacks import held, held_sentence
    from promptgrid.store import Database

    results = held(Database(), run_id)
    aims = list(dict.fromkeys(aim for one in results for aim in one.by_aim))
    heads = ["variant", *(f"held: {aim}" for aim in aims), "score, clean", "beside none", "harmless", "tokens"]
    print_table(heads, [_row(one, aims) for one in results])
    for one in results:
        echo(held_sentence(one))


def _row(result: DefenceResult, aims: Sequence[str]) -> list[str]:
    shares = ["{} of {}".format(*result.by_aim[aim]) if aim in result.by_aim else "–" for aim in aims]
    against = "" if result.against is None else result.against.verdict
    tokens = "–" if result.tokens is None else f"{result.tokens:,.0f}"
    return [result.label, *shares, _percent(result.clean), against, _percent(result.harmless), tokens]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"
