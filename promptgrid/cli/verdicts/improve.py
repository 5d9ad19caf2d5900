"""`promptgrid improve`: searches for a better prompt, and proves what it found on cases that chose nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import echo, echo_json, print_table

if TYPE_CHECKING:
    from promptgrid.improve.carry_out import ImproveReport
    from promptgrid.prompt import Prompt
    from promptgrid.store import Database

_WORDS = 300


@click.command()
@click.argument("prompt")
@click.option("--draft", default="", metavar="TASK", help="First draft PROMPT from this description of the task.")
@click.option(
    "--cases", type=click.Path(path_type=Path), help="A table of at least 40 cases. Default: the prompt's own."
)
@click.option("--expected", default="", metavar="COLUMN", help="The column with the right answers.")
@click.option("--group", default="", metavar="COLUMN", help="Cases alike in this column are never parted.")
@click.option("--model", default="", metavar="ENDPOINT/MODEL", help="The model that is prompted.")
@click.option("--writer", default="", metavar="ENDPOINT/MODEL", help="The model that rewrites. Default: the same.")
@click.option("--technique", default="zero-shot", show_default=True, help="How the original is put to the model.")
@click.option("--check", "checks", multiple=True, help="Such as label, or number:tolerance=0.1.")
@click.option("--budget", required=True, help="The most to spend on both models: 1500calls, 100000tok or 2.50usd.")
@click.option("--candidates", type=click.IntRange(3, 200), default=24, show_default=True, help="The most to try.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed searches another way.")
@click.option("--save", is_flag=True, help="Save the chosen prompt as the new version of PROMPT.")
@click.option("--dry-run", is_flag=True, help="Show what the budget buys and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def improve(
    prompt: str,
    draft: str,
    cases: Path | None,
    expected: str,
    group: str,
    model: str,
    writer: str,
    technique: str,
    checks: tuple[str, ...],
    budget: str,
    candidates: int,
    seed: int,
    save: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Search for a better PROMPT, and prove it. A model rewrites it from its failures, candidates race on the part
    choose, and the chosen one meets the original once on the sealed part prove. Exit code 0 if it is better, 1 if not.

    A search that was killed or stopped goes on by the same command, and nothing is paid twice. To keep what it chose,
    give the same command --save.

    With --draft a new prompt is written into the library from a description, and is then the original.

    promptgrid improve sentiment --cases reviews.csv --budget 1500calls
    """
    from promptgrid import api
    from promptgrid.cli import live
    from promptgrid.connections import DEFAULT_MODEL
    from promptgrid.grading import parse_check
    from promptgrid.improve import carry_out, preflight
    from promptgrid.store import Database

    database = Database()
    if draft:
        _draft(database, prompt, draft, cases, expected, writer or model or DEFAULT_MODEL, budget)
    original = api.load(prompt, database)
    table = api.cases_table(cases, [original], expected=expected)
    settings = preflight.ImproveSettings(
        prompt=original, cases=table.cases, model=model or DEFAULT_MODEL, writer=writer or model or DEFAULT_MODEL,
        budget=budget, technique=technique, checks=tuple(map(parse_check, checks)) or None, group=group,
        most=candidates, seed=seed,
    )  # fmt: skip
    echo(preflight.task_of(database, settings)[1].sentence, err=True)
    if dry_run:
        return
    live.prepare((settings.model, settings.writer))
    try:
        report = carry_out.improve(database, settings, on_step=_Lines().show)
    except KeyboardInterrupt:
        echo("Paused. The same command goes on, and pays nothing twice.", err=True)
        raise
    echo_json(json.dumps(_record(report), ensure_ascii=False)) if as_json else _print(report)
    if save:
        _save(prompt, original, report)
    better = report.found.proved is not None and report.found.proved.verdict == "better"
    raise SystemExit(0 if better else 1)


def _draft(
    database: Database, name: str, task: str, path: Path | None, expected: str, writer: str, budget: str
) -> None:
    """Saves the drafted prompt in the library, unless it was drafted before by the same command."""
    from promptgrid.cases.table import read_cases
    from promptgrid.cli import live
    from promptgrid.improve.carry_out import draft
    from promptgrid.library.folder import Library, library_folder

    if path is None:
        raise click.UsageError("A draft needs --cases FILE: their columns are its variables.")
    library = Library(library_folder())
    if library.etag(name) is not None:
        echo(f"{name} is in the library already, and is what is improved.", err=True)
        return
    live.prepare((writer,))
    made = draft(database, name, task, read_cases(path, expected=expected).cases, writer, budget)
    library.save(made, None)
    echo(f"Drafted {name}:\n{made.messages[0].text}", err=True)


class _Lines:
    """Prints a line when a step begins."""

    def __init__(self) -> None:
        self._step = ""

    def show(self, step: str, progress: object) -> None:
        if step != self._step:
            self._step = step
            echo(f"· {step}", err=True)


def _print(report: ImproveReport) -> None:
    from promptgrid.improve import report as words
    from promptgrid.text import one_line

    found = report.found
    rows = [
        [
            str(one.number),
            one.move,
            str(one.parent) if one.number else "",
            one.technique,
            f"{100 * mean:.0f}",
            f"{ran:,}",
        ]
        for one, mean, ran in found.tried
    ]
    print_table(["candidate", "by", "from", "technique", "points on choose", "cases"], rows)
    for one in found.rejected:
        echo(one_line(f"Rejected {one.number} ({one.move} from {one.parent}): {one.reason}", _WORDS))
    echo(words.verdict_sentence(report))
    if found.proved is not None:
        echo(words.won_and_lost(found.proved))
        echo(f"Lineage: {words.lineage_words(found)}")
        for span in words.changed_words(found):
            if span.kind != "same":
                echo(f"{'+' if span.kind == 'added' else '−'} {one_line(span.text, _WORDS)}")
    echo(words.cost_sentence(report))


def _save(ref: str, original: Prompt, report: ImproveReport) -> None:
    from promptgrid.improve.report import save_chosen
    from promptgrid.library.folder import Library, library_folder

    if report.found.chosen is report.found.original:
        echo("Nothing is saved: the original was chosen.", err=True)
        return
    path = Path(ref)
    folder = path.parent if path.suffix == ".prompty" else library_folder()
    version = save_chosen(Library(folder), report)
    back = f"promptgrid rollback {original.name} {original.version[:6]}"
    technique = report.found.chosen.technique
    echo(f"Saved {original.name}@{version[:6]}; run it with --technique {technique}. To go back: {back}", err=True)


def _record(report: ImproveReport) -> dict[str, object]:
    from promptgrid.improve import report as words

    found = report.found
    proved = found.proved
    return {
        "chosen": found.chosen.number,
        "technique": found.chosen.technique,
        "verdict": proved.verdict if proved else "original",
        "promised": found.promised.difference,
        "proved": proved.difference if proved else None,
        "interval": [proved.interval.low, proved.interval.high] if proved and proved.interval else None,
        "p": proved.p_adjusted if proved else None,
        "won": proved.better if proved else None,
        "lost": proved.worse if proved else None,
        "look": report.look,
        "sentence": words.verdict_sentence(report),
        "messages": [{"role": one.role, "text": one.text} for one in found.chosen.prompt.messages],
        "lineage": [{"number": one.number, "move": one.move} for one in words.lineage(found)],
        "tried": [
            {"number": one.number, "move": one.move, "score": mean, "cases": ran} for one, mean, ran in found.tried
        ],
        "rejected": [{"number": one.number, "move": one.move, "reason": one.reason} for one in found.rejected],
        "spent": {"calls": report.spent.calls, "tokens": report.spent.tokens, "usd": report.spent.usd},
        "prompt_tokens": report.prompt_tokens,
        "cost_usd": report.cost_usd,
    }
