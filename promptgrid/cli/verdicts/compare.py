"""`promptgrid compare`: the changes between two runs; `pin` and `unpin`: the baseline run of a prompt."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import echo, echo_json
from promptgrid.cli.show import echo_openings, part_option

if TYPE_CHECKING:
    from promptgrid.compare import Change, ChangeKind, Changes

_SHOWN = 20  # cases in the table
_KINDS: tuple[ChangeKind, ...] = ("broke", "improved", "changed", "new", "gone", "same")


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@click.option("--all", "show_all", is_flag=True, help="List every case, also new, missing and unchanged ones.")
@part_option
@click.option("--json", "for_machine", is_flag=True, help="Print JSON, with every case.")
def compare(run_a: str, run_b: str, show_all: bool, part: str, for_machine: bool) -> None:
    """Show what improved and what broke from RUN_A to RUN_B, and whether chance may explain the difference.

    Cases are matched by inputs and expected value, variants by prompt, technique, model and temperature; the prompt's
    version may differ.

    promptgrid compare 3f9a last
    """
    from promptgrid.compare import against
    from promptgrid.errors import GateError
    from promptgrid.store import Database

    database = Database()
    changes = against(database, run_a, run_b, part)
    if changes.run_a.id == changes.run_b.id:
        raise GateError(f"Both are run {changes.run_a.id}.", hint="`promptgrid runs` lists the others.")
    echo_openings(database, part, changes.run_a.id, changes.run_b.id)
    everything = show_all or for_machine
    kinds = _KINDS if everything else _KINDS[:3]
    listed: list[Change] = []
    for kind in kinds:
        room = changes.counts[kind] if everything else _SHOWN - len(listed)
        listed += changes.listed(database, [kind], count=room)
    if for_machine:
        echo_json(json.dumps(_as_json(changes, listed)))
        return
    _show(changes, listed)
    if more := sum(changes.counts[kind] for kind in kinds) - len(listed):
        echo(f"… and {more:,} more: --all lists them.")


def _as_json(changes: Changes, listed: list[Change]) -> dict[str, Any]:
    variants = [
        {"label": v.label, "counts": v.counts, "sentence": v.sentence, "versus": v.versus and asdict(v.versus)}
        for v in changes.variants
    ]
    return {
        "run_a": changes.run_a.id,
        "run_b": changes.run_b.id,
        "counts": changes.counts,
        "sentence": changes.sentence,
        "copies": changes.copies,
        "versus": changes.versus and asdict(changes.versus),
        "variants": variants,
        "changes": [asdict(change) for change in listed],
    }


def _show(changes: Changes, listed: list[Change]) -> None:
    from promptgrid.cli.output import print_table
    from promptgrid.text import one_line, value_text

    rows = [[v.label, *(str(v.counts[kind]) if v.counts[kind] else "" for kind in _KINDS)] for v in changes.variants]
    print_table(["variant", *_KINDS], rows)
    sentences = [v.sentence for v in changes.variants if v.sentence]
    for sentence in sentences if len(sentences) == 1 else [*sentences, changes.summary]:
        echo(sentence)
    if changes.copies:
        echo(changes.copies)
    if listed:
        cases = [
            [c.kind, c.case_id, c.label, one_line(" ".join(map(value_text, c.inputs.values())), 40), c.expected or "",
             _cell(c.answer_a, c.status_a, c.score_a), _cell(c.answer_b, c.status_b, c.score_b)]
            for c in listed
        ]  # fmt: skip
        header = ["", "case", "variant", "inputs", "expected", f"in {changes.run_a.id}", f"in {changes.run_b.id}"]
        print_table(header, cases, "Cases")


def _cell(answer: str | None, status: str | None, score: float | None) -> str:
    """Returns one side of a compared case in words: `positive (score 0.5)`; without an answer its status, and "" if the
    run has no such cell (`status` None)."""
    if status is None:
        return ""
    text = answer if answer is not None else "no answer" if status == "answered" else status.replace("_", " ")
    return text if score is None else f"{text} (score {score:.2g})"


@click.command()
@click.argument("run", metavar="RUN")
def pin(run: str) -> None:
    """Make a run the baseline of its prompts.

    `--no-worse-than pinned` of `promptgrid run` and `promptgrid gate` compares with it.
    """
    from promptgrid.store import Database, runs
    from promptgrid.store.across import baselines

    database = Database()
    run_id = runs.find_run(database, run).id
    for prompt in baselines.pin(database, run_id):
        echo(f"Run {run_id} is the baseline of {prompt}.")


@click.command()
@click.argument("prompt", metavar="PROMPT")
def unpin(prompt: str) -> None:
    """Remove the baseline of a prompt; the run stays."""
    from promptgrid.errors import StoreError
    from promptgrid.store import Database
    from promptgrid.store.across import baselines

    database = Database()
    if not baselines.unpin(database, prompt):
        pinned = ", ".join(baselines.pinned(database)) or "none"
        raise StoreError(f'No run is the baseline of "{prompt}".', hint=f"Prompts with a baseline: {pinned}.")
    echo(f"{prompt} no longer has a baseline.")
