"""`promptgrid copy-store`: all of a store in another database."""

from __future__ import annotations

import click

from promptgrid.cli.output import echo, showing_progress


@click.command("copy-store")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy_store(source: str, target: str) -> None:
    """Copy a whole store FROM one database TO another, which must be empty, and compare the two.

    Each is a SQLite file or a postgresql:// URL. A password is better left out of the URL: PostgreSQL takes it from
    PGPASSWORD or ~/.pgpass. A copy that was ended goes on when the command is given again.
    """
    from promptgrid.store import Database
    from promptgrid.store.dialects.opening import existing, place_of
    from promptgrid.store.shared import copying

    origin = Database(existing(source))
    copy = Database(place_of(target), half_copy=True)
    with showing_progress() as on_progress:
        sums = copying.copy_store(origin, copy, on_progress=on_progress)
    for name, held in sums.items():
        if held.rows:
            echo(f"{name:<16} {held.rows:>12,} rows  {held.digest[:16]}")
    echo(f"Copied {origin.place} to {copy.place}; counts and hashes of all tables agree.", err=True)
