"""Stores which run is the baseline of a prompt. Later runs of the prompt are compared with it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.errors import StoreError
from promptgrid.store.database import Database, now
from promptgrid.store.schema import baselines, cells, runs


def pin(database: Database, run_id: str) -> list[str]:
    """Makes the run the baseline of each of its prompts; returns the names of these prompts. Raises StoreError when the
    run does not exist."""
    with database.write() as connection:
        if connection.scalar(_alive().where(runs.c.id == run_id)) is None:
            raise StoreError(f"There is no run {run_id} to pin.", hint="`promptgrid runs` lists those that are there.")
        query = sa.select(cells.c.prompt).where(cells.c.run_id == run_id).distinct().order_by(cells.c.prompt)
        names = list(connection.scalars(query))
        for name in names:
            row = insert(baselines).values(prompt=name, run_id=run_id, pinned=now())
            newer = {"run_id": row.excluded.run_id, "pinned": row.excluded.pinned}
            connection.execute(row.on_conflict_do_update(index_elements=["prompt"], set_=newer))
    return names


def unpin(database: Database, prompt: str) -> bool:
    """Removes the prompt's baseline. Returns False when there was none."""
    with database.write() as connection:
        return connection.execute(baselines.delete().where(baselines.c.prompt == prompt)).rowcount > 0


def pinned(database: Database) -> dict[str, str]:
    """Returns the run id of each prompt's baseline, by the prompt's name. Deleted runs are left out."""
    query = sa.select(baselines.c.prompt, baselines.c.run_id).where(baselines.c.run_id.in_(_alive()))
    with database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query.order_by(baselines.c.prompt))}


def _alive() -> sa.Select[tuple[str]]:
    return sa.select(runs.c.id).where(runs.c.deleted.is_(None))
