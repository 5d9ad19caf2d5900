"""`promptgrid compare`: two runs against each other; `pin` and `unpin`: the run that others are measured by."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from promptgrid.compare import Change, ChangeKind, Changes

_SHOWN = 20  # cases in the table
_KINDS: tuple[ChangeKind, ...] = ("broke", "improved", "changed", "new", "gone", "same")


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@click.option("--all", "show_all", is_flag=True, help="List every case, also those that are new, gone or the same.")
@click.option("--json", "for_machine", is_flag=True, help="For a machine to read, with every case.")
def compare(run_a: str, run_b: str, show_all: bool, for_machine: bool) -> None:
    """What improved and what broke in RUN_B.

    Against RUN_A, the older one, and whether the difference may be luck.

    Cases are matched by their inputs and expected value, variants by prompt, technique, model and temperature; the
    prompt's version may differ.

    promptgrid compare 3f9a last
    """
    from promptgrid.compare import against
    from promptgrid.errors import GateError
    from promptgrid.store import Database

    database = Database()
    found = against(database, run_a, run_b)
    if found.run_a.id == found.run_b.id:
        raise GateError(f"Both are run {found.run_a.id}.", hint="Name two runs: `promptgrid runs` lists them.")
    everything = show_all or for_machine
    kinds = _KINDS if everything else _KINDS[:3]
    listed: list[Change] = []
    for kind in kinds:
        room = found.counts[kind] if everything else _SHOWN - len(listed)
        listed += found.listed(database, [kind], count=room)
    if for_machine:
        click.echo(json.dumps(_as_json(found, listed)))
        return
    _show(found, listed)
    if left := sum(found.counts[kind] for kind in kinds) - len(listed):
        click.echo(f"… and {left:,} more: --all lists them.")


def _as_json(found: Changes, listed: list[Change]) -> dict[str, Any]:
    variants = [
        {"label": v.label, "counts": v.counts, "sentence": v.sentence, "versus": v.versus and asdict(v.versus)}
        for v in found.variants
    ]
    return {
        "run_a": found.run_a.id,
        "run_b": found.run_b.id,
        "counts": found.counts,
        "sentence": found.sentence,
        "versus": found.versus and asdict(found.versus),
        "variants": variants,
        "changes": [asdict(change) for change in listed],
    }


def _show(found: Changes, listed: list[Change]) -> None:
    from promptgrid.cli.listing import print_table
    from promptgrid.text import one_line, printable

    rows = [[v.label, *(str(v.counts[kind]) if v.counts[kind] else "" for kind in _KINDS)] for v in found.variants]
    print_table(["variant", *_KINDS], rows)
    said = [v.sentence for v in found.variants if v.sentence]
    for sentence in said if len(said) == 1 else [*said, found.told]:
        click.echo(printable(sentence))
    if listed:
        cases = [
            [c.kind, c.case_id, c.label, one_line(" ".join(c.inputs.values()), 40), c.expected or "",
             _cell(c.answer_a, c.status_a, c.score_a), _cell(c.answer_b, c.status_b, c.score_b)]
            for c in listed
        ]  # fmt: skip
        header = ["", "case", "variant", "inputs", "expected", f"in {found.run_a.id}", f"in {found.run_b.id}"]
        print_table(header, cases, "Cases")


def _cell(answer: str | None, status: str | None, score: float | None) -> str:
    """`positive (score 0.5)`; what became of the cell where it has no answer."""
    if status is None:
        return ""
    said = answer if answer is not None else "no answer" if status == "answered" else status.replace("_", " ")
    return said if score is None else f"{said} (score {score:.2g})"


@click.command()
@click.argument("run", metavar="RUN")
def pin(run: str) -> None:
    """Make a run the baseline of its prompts.

    That is the run that `--no-worse-than pinned` compares with, at `promptgrid run` and `promptgrid gate`.
    """
    from promptgrid.store import Database, baselines, runs

    database = Database()
    run_id = runs.find_run(database, run).id
    for prompt in baselines.pin(database, run_id):
        click.echo(f"Run {run_id} is the baseline of {prompt}.")


@click.command()
@click.argument("prompt", metavar="PROMPT")
def unpin(prompt: str) -> None:
    """Take the baseline of a prompt away; the run stays."""
    from promptgrid.errors import StoreError
    from promptgrid.store import Database, baselines

    database = Database()
    if not baselines.unpin(database, prompt):
        pinned = ", ".join(baselines.pinned(database)) or "none"
        raise StoreError(f'No run is the baseline of "{prompt}".', hint=f"Prompts that have one: {pinned}.")
    click.echo(f"{prompt} has no baseline any more.")
