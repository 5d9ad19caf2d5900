"""Tells which runs a process may carry out: those that no living process has.

The heartbeat of a run is its lease. Its owner renews it every second; once it is `LEASE_S` old, another process may
claim the run, and the epoch of that claim ends all writes of the former owner. All times are by the database's clock,
since those of several machines differ.
"""

from __future__ import annotations

import sqlalchemy as sa

from promptgrid.store.database import Database
from promptgrid.store.dialects.sql import DatabaseTime
from promptgrid.store.schema import runs

LEASE_S = 10.0

silent_s = sa.type_coerce(DatabaseTime() - sa.func.coalesce(runs.c.heartbeat, 0.0), sa.Float)
"""The seconds since the last heartbeat of a run."""


def is_free(database: Database) -> sa.ColumnElement[bool]:
    """Whether no living process works on a run, as a condition. In a file all runs are free: the caller must hold the
    runner's lock of the data folder, so that every other runner of the file is dead."""
    return sa.true() if database.is_file else (runs.c.status == "queued") | (silent_s > LEASE_S)
