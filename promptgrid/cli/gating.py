"""Gates on the command line: the options that make them, and what is printed of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from promptgrid.gate import Asked, Broke, GateResult, Gates
    from promptgrid.grid import Plan
    from promptgrid.store import Database

_SHOWN = 20  # cases in the table of what broke


@dataclass(frozen=True)
class Gating:
    """What must hold, and how it is told."""

    gates: Gates
    junit: Path | None = None


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that make gates."""
    for option in (
        click.option("--junit", "junit_path", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.xml",
                     help="Write a test report for a CI server."),
        click.option("--confident", is_flag=True, help="The low end of the score's 95 % interval must reach it."),
        click.option("--min-score", "min_scores", multiple=True, metavar="CHECK=SCORE",
                     help="Such as label=0.9, in every variant; may be repeated."),
    ):  # fmt: skip
        command = option(command)
    return command


def check_writable(path: Path | None) -> None:
    """Better said before a long run than after it. Raises UsageError."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.UsageError(f"The folder of {path} does not exist.")


def understood(
    database: Database, plan: Plan, *, min_scores: Sequence[str], confident: bool, junit_path: Path | None
) -> Gating | None:
    """The options understood; None when nothing is asked. Raises GateError."""
    from promptgrid.gate import gates_for

    if confident and not min_scores:
        raise click.UsageError("--confident goes with --min-score CHECK=SCORE.")
    if not (min_scores or junit_path):
        return None
    return Gating(gates_for(plan, min_scores, confident=confident), junit_path)


def ask(database: Database, run_id: str, asked_for: Gating) -> Asked:
    """Measures the gates and writes the test report."""
    from promptgrid import gate
    from promptgrid.store import runs

    asked = gate.ask(database, run_id, asked_for.gates)
    if asked_for.junit:
        name = runs.find_run(database, run_id).name
        gate.save_junit(asked_for.junit, f"{run_id} {name}".strip(), asked.results, asked.verdicts)
        click.echo(f"Wrote {asked_for.junit}.", err=True)
    return asked


def as_json(asked: Asked) -> dict[str, Any]:
    """The results for a machine."""
    return {"held": asked.held, "gates": [asdict(result) for result in asked.results]}


def show(asked: Asked, show_all: bool = False) -> None:
    """The gates, and the cases behind those that were missed."""
    from promptgrid.cli.listing import print_table

    rows = [[r.gate, r.variant, r.found, "held" if r.held else f"missed: {r.reason}"] for r in asked.results]
    print_table(["gate", "variant", "found", "result"], rows, "Gates")
    broke = _broke(asked.results)
    if not broke:
        return
    shown = broke if show_all else broke[:_SHOWN]
    cases = [[b.case_id, b.variant, b.check, b.expected or "", b.before, b.now, b.explanation] for b in shown]
    print_table(["case", "variant", "check", "expected", "before", "now", "why"], cases, "What broke")
    if left := len(broke) - len(shown):
        click.echo(f"… and {left:,} more: --all lists them.")


def _broke(results: Sequence[GateResult]) -> list[Broke]:
    """Each case once, as the first gate that names it tells of it."""
    named = [broke for result in results if not result.held for broke in result.broke]
    return list({(b.case_id, b.variant, b.check): b for b in reversed(named)}.values())[::-1]
