"""`promptgrid gate`: checks the gates of `promptgrid run` on a stored run."""

from __future__ import annotations

import json
from typing import Any

import click

from promptgrid.cli.output import echo_json
from promptgrid.cli.show import echo_openings, part_option
from promptgrid.cli.verdicts.gate_options import GateOptions, as_json, ask, gate_options, read_gate_options, show


@click.command()
@click.argument("run", metavar="RUN")
@gate_options
@part_option
@click.option("--all", "show_all", is_flag=True, help="List every case that broke.")
@click.option("--json", "for_machine", is_flag=True, help="Print JSON.")
def gate(run: str, part: str, show_all: bool, for_machine: bool, **typed: Any) -> None:
    """Check a run against its gates; nothing is sent.

    Exit code 0 if all gates hold, 1 if not, 2 if the command was wrong. Every cell must be answered in any case. With
    --part, only the cells of its cases count.

    promptgrid gate last --min-score label=0.9 --no-worse-than pinned
    """
    from promptgrid.store import Database, runs

    database = Database()
    run_id = runs.find_run(database, run).id
    request = read_gate_options(database, runs.plan_of(database, run_id), GateOptions(**typed))
    if request is None:
        raise click.UsageError(
            "Name a gate, --min-score CHECK=0.9 or --no-worse-than RUN, or a report: --junit OUT.xml."
        )
    report = ask(database, run_id, request, part)
    echo_openings(database, part, run_id)
    if for_machine:
        echo_json(json.dumps(as_json(report)))
    else:
        show(report, show_all)
    raise SystemExit(0 if report.held else 1)
