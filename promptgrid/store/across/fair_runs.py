"""Finds the runs that were started as fair comparisons for a run: votes with as many tokens as its techniques spend."""

from __future__ import annotations

import sqlalchemy as sa

from promptgrid.store import runs as runs_store
from promptgrid.store.database import Database
from promptgrid.store.runs import RunInfo
from promptgrid.store.schema import runs


def fair_runs(database: Database, run_id: str) -> list[RunInfo]:
    """Returns the fair comparisons for the run (see RunInfo), newest first; without deleted runs."""
    mine = sa.select(runs.c.id).where(runs.c.fair_for == run_id, runs.c.deleted.is_(None), runs.c.status != "planning")
    with database.read() as connection:
        ids = list(connection.scalars(mine.order_by(runs.c.created.desc())))
    return [runs_store.find_run(database, one) for one in ids]
