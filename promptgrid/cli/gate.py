"""`promptgrid gate`: asks of a run that is there what `promptgrid run` asks of the one it has made."""

from __future__ import annotations

import json
from typing import Any

import click

from promptgrid.cli.gating import as_json, ask, check_writable, gate_options, show, understood


@click.command()
@click.argument("run", metavar="RUN")
@gate_options
@click.option("--all", "show_all", is_flag=True, help="List every case that broke.")
@click.option("--json", "as_json_", is_flag=True, help="For a machine to read.")
def gate(run: str, show_all: bool, as_json_: bool, **options: Any) -> None:
    """Ask of a run what it must reach; nothing is sent.

    Exit 0 when all of it holds, 1 when not, 2 when the command was wrong. That every cell is answered is always asked.

    promptgrid gate last --min-score label=0.9
    """
    from promptgrid.store import Database, runs

    check_writable(options["junit_path"])
    database = Database()
    run_id = runs.find_run(database, run).id
    asked_for = understood(database, runs.plan_of(database, run_id), **options)
    if asked_for is None:
        raise click.UsageError("Say what must hold: --min-score CHECK=0.9. Or where a report goes: --junit OUT.xml.")
    asked = ask(database, run_id, asked_for)
    if as_json_:
        click.echo(json.dumps(as_json(asked)))
    else:
        show(asked, show_all)
    raise SystemExit(0 if asked.held else 1)
