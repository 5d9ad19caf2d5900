"""`promptgrid gate`: asks of a run that is there what `promptgrid run` asks of the one it has made."""

from __future__ import annotations

import json
from typing import Any

import click

from promptgrid.cli.gating import GateOptions, as_json, ask, gate_options, show, understood


@click.command()
@click.argument("run", metavar="RUN")
@gate_options
@click.option("--all", "show_all", is_flag=True, help="List every case that broke.")
@click.option("--json", "for_machine", is_flag=True, help="For a machine to read.")
def gate(run: str, show_all: bool, for_machine: bool, **typed: Any) -> None:
    """Ask of a run what it must reach; nothing is sent.

    Exit 0 when all of it holds, 1 when not, 2 when the command was wrong. That every cell is answered is always asked.

    promptgrid gate last --min-score label=0.9 --no-worse-than pinned
    """
    from promptgrid.store import Database, runs

    database = Database()
    run_id = runs.find_run(database, run).id
    wanted = understood(database, runs.plan_of(database, run_id), GateOptions(**typed))
    if wanted is None:
        raise click.UsageError(
            "Say what must hold, --min-score CHECK=0.9 or --no-worse-than RUN, or where a report goes: --junit OUT.xml."
        )
    asked = ask(database, run_id, wanted)
    if for_machine:
        click.echo(json.dumps(as_json(asked)))
    else:
        show(asked, show_all)
    raise SystemExit(0 if asked.held else 1)
