"""The command-line options for gates, and the output of the gates' results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import OutputFile, echo

if TYPE_CHECKING:
    from promptgrid.gate import Broke, GateReport, GateResult, Gates
    from promptgrid.grid import Plan
    from promptgrid.store import Database

_SHOWN = 20  # cases in the table of what broke


@dataclass(frozen=True)
class GateOptions:
    """What the user typed for the options that `gate_options` adds to a command."""

    min_scores: tuple[str, ...]
    confident: bool
    not_worse_than: str
    strict: bool
    junit_path: Path | None


@dataclass(frozen=True)
class GateRequest:
    """The gates to check, and the path of the JUnit report to write (None: no report)."""

    gates: Gates
    junit: Path | None = None


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options for gates, such as --min-score, to a click command. Their values are the fields of
    `GateOptions`."""
    for option in (
        click.option("--junit", "junit_path", type=OutputFile(), metavar="OUT.xml",
                     help="Write a test report for a CI server."),
        click.option("--strict", is_flag=True, help="With --no-worse-than: not one case may break."),
        click.option("--no-worse-than", "not_worse_than", default="", metavar="RUN|pinned",
                     help="No variant may be significantly worse than in that run."),
        click.option("--confident", is_flag=True,
                     help="With --min-score: the low end of the 95 % interval must reach it."),
        click.option("--min-score", "min_scores", multiple=True, metavar="CHECK=SCORE",
                     help="The lowest score of every variant, such as label=0.9. Repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command


def read_gate_options(database: Database, plan: Plan, typed: GateOptions) -> GateRequest | None:
    """Returns the gates that the options ask for, or None if they ask for none. Raises UsageError for options that do
    not fit together, GateError for an impossible gate, StoreError for an unknown run."""
    if typed.confident and not typed.min_scores:
        raise click.UsageError("--confident requires --min-score CHECK=SCORE.")
    if typed.strict and not typed.not_worse_than:
        raise click.UsageError("--strict requires --no-worse-than RUN.")
    if not (typed.min_scores or typed.not_worse_than or typed.junit_path):
        return None
    from promptgrid.gate import gates_for  # loads the comparison

    gates = gates_for(
        database,
        plan,
        min_scores=typed.min_scores,
        confident=typed.confident,
        not_worse_than=typed.not_worse_than,
        strict=typed.strict,
    )
    return GateRequest(gates, typed.junit_path)


def ask(database: Database, run_id: str, request: GateRequest, part: str = "") -> GateReport:
    """Checks the gates on a run's results (with `part`, on those of the cases of that part), writes the JUnit report if
    one is requested, and returns the results."""
    from promptgrid import gate
    from promptgrid.store import runs

    report = gate.ask(database, run_id, request.gates, report=request.junit is not None, part=part)
    if request.junit:
        name = runs.find_run(database, run_id).name
        gate.save_junit(request.junit, f"{run_id} {name}".strip(), report.results, report.verdicts)
        echo(f"Wrote {request.junit}.", err=True)
    return report


def as_json(report: GateReport) -> dict[str, Any]:
    return {"held": report.held, "gates": [asdict(result) for result in report.results]}


def show(report: GateReport, show_all: bool = False) -> None:
    """Prints the results of the gates, their notes, and a table of the cases that broke: the first twenty, or all with
    `show_all`."""
    from promptgrid.cli.output import print_table

    rows = [[r.gate, r.variant, r.measured, "held" if r.held else f"missed: {r.reason}"] for r in report.results]
    print_table(["gate", "variant", "measured", "result"], rows, "Gates")
    for result in report.results:
        if result.note:
            echo(result.note)
    broke = _broke(report.results)
    if not broke:
        return
    rows_shown = broke if show_all else broke[:_SHOWN]
    cases = [[b.case_id, b.variant, b.check, b.expected or "", b.before, b.now, b.explanation] for b in rows_shown]
    print_table(["case", "variant", "check", "expected", "before", "now", "why"], cases, "What broke")
    if more := len(broke) - len(rows_shown):
        echo(f"… and {more:,} more: `promptgrid gate` with --all lists them.")


def _broke(results: Sequence[GateResult]) -> list[Broke]:
    """Returns the broken cases of all gates, each once. Of a gate that held, only those are returned that were compared
    with an answer in an earlier run."""
    named = [case for result in results for case in result.broke if not result.held or case.before]
    first: dict[tuple[str, str, str], Broke] = {}
    for case in named:
        first.setdefault((case.case_id, case.variant, case.check), case)
    return list(first.values())
