"""`promptgrid backup`: a copy of the database."""

from __future__ import annotations

from pathlib import Path

import click

from promptgrid.cli.output import OutputFile, echo


@click.command()
@click.argument("file", required=False, type=OutputFile())
def backup(file: Path | None) -> None:
    """Copy the database (runs, replies, conversations, drafts) to FILE, by default into the data folder's `copies`.

    Runs in progress go on meanwhile. Prompts are files of their own and not part of it.
    """
    import time

    from promptgrid.humanize import size
    from promptgrid.store import Database

    database = Database()
    path = file or database.copies() / f"{time.strftime('%Y%m%d-%H%M%S')}.sqlite3"
    database.copy_to(path)
    echo(f"Wrote {path} ({size(path.stat().st_size)}).")
    echo(f"To go back to it, end all of Promptgrid and move it to {database.path}.", err=True)
