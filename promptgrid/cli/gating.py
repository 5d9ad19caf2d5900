"""Gates on the command line: the options that make them, and what is printed of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from promptgrid.gate import Broke, GateReport, GateResult, Gates
    from promptgrid.grid import Plan
    from promptgrid.store import Database

_SHOWN = 20  # cases in the table of what broke


@dataclass(frozen=True)
class GateOptions:
    """What was typed: see `gate_options`."""

    min_scores: tuple[str, ...]
    confident: bool
    not_worse_than: str
    strict: bool
    junit_path: Path | None


@dataclass(frozen=True)
class Gating:
    """What must hold, and where a test report goes."""

    gates: Gates
    junit: Path | None = None


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that make gates; `GateOptions` by their names."""
    for option in (
        click.option("--junit", "junit_path", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.xml",
                     help="Write a test report for a CI server."),
        click.option("--strict", is_flag=True, help="With --no-worse-than: no case may have broken at all."),
        click.option("--no-worse-than", "not_worse_than", default="", metavar="RUN|pinned",
                     help="No variant may be worse than in that run, by the statistics."),
        click.option("--confident", is_flag=True,
                     help="With --min-score: the low end of the score's 95 % interval must reach it."),
        click.option("--min-score", "min_scores", multiple=True, metavar="CHECK=SCORE",
                     help="Such as label=0.9, in every variant; may be repeated."),
    ):  # fmt: skip
        command = option(command)
    return command


def check_writable(path: Path | None) -> None:
    """Better said before a long run than after it. Raises UsageError."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.UsageError(f"The folder of {path} does not exist.")


def understood(database: Database, plan: Plan, typed: GateOptions) -> Gating | None:
    """The options understood; None when nothing is asked. Raises UsageError, GateError, StoreError."""
    from promptgrid.gate import gates_for

    if typed.confident and not typed.min_scores:
        raise click.UsageError("--confident goes with --min-score CHECK=SCORE.")
    if typed.strict and not typed.not_worse_than:
        raise click.UsageError("--strict goes with --no-worse-than RUN.")
    check_writable(typed.junit_path)
    if not (typed.min_scores or typed.not_worse_than or typed.junit_path):
        return None
    gates = gates_for(
        database,
        plan,
        min_scores=typed.min_scores,
        confident=typed.confident,
        not_worse_than=typed.not_worse_than,
        strict=typed.strict,
    )
    return Gating(gates, typed.junit_path)


def ask(database: Database, run_id: str, wanted: Gating) -> GateReport:
    """Measures the gates and writes the test report."""
    from promptgrid import gate
    from promptgrid.store import runs

    asked = gate.ask(database, run_id, wanted.gates, report=wanted.junit is not None)
    if wanted.junit:
        name = runs.find_run(database, run_id).name
        gate.save_junit(wanted.junit, f"{run_id} {name}".strip(), asked.results, asked.verdicts)
        click.echo(f"Wrote {wanted.junit}.", err=True)
    return asked


def as_json(asked: GateReport) -> dict[str, Any]:
    """The results for a machine."""
    return {"held": asked.held, "gates": [asdict(result) for result in asked.results]}


def show(asked: GateReport, show_all: bool = False) -> None:
    """The gates, what the statistics say, and the cases that broke."""
    from promptgrid.cli.listing import print_table
    from promptgrid.text import printable

    rows = [[r.gate, r.variant, r.found, "held" if r.held else f"missed: {r.reason}"] for r in asked.results]
    print_table(["gate", "variant", "found", "result"], rows, "Gates")
    for result in asked.results:
        if result.note:
            click.echo(printable(result.note))
    broke = _broke(asked.results)
    if not broke:
        return
    shown = broke if show_all else broke[:_SHOWN]
    cases = [[b.case_id, b.variant, b.check, b.expected or "", b.before, b.now, b.explanation] for b in shown]
    print_table(["case", "variant", "check", "expected", "before", "now", "why"], cases, "What broke")
    if left := len(broke) - len(shown):
        click.echo(f"… and {left:,} more: `promptgrid gate` with --all lists them.")


def _broke(results: Sequence[GateResult]) -> list[Broke]:
    """Each case once, as the first gate that names it tells of it. A gate that held is asked only for what broke since
    another run: not all that is wrong is news."""
    named = [case for result in results for case in result.broke if not result.held or case.before]
    first: dict[tuple[str, str, str], Broke] = {}
    for case in named:
        first.setdefault((case.case_id, case.variant, case.check), case)
    return list(first.values())
