"""Finds the runs of a prompt, and the prompts that runs have."""

from __future__ import annotations

import sqlalchemy as sa

from promptgrid.store import runs as runs_store
from promptgrid.store.database import Database
from promptgrid.store.runs import RunInfo
from promptgrid.store.schema import cells, prompt_versions, runs


def runs_of_prompt(database: Database, prompt: str, limit: int) -> list[RunInfo]:
    """Returns the newest `limit` runs with cells of a prompt called `prompt`, in any version; without deleted runs."""
    mine = sa.exists().where(cells.c.run_id == runs.c.id, cells.c.prompt == prompt)
    query = sa.select(runs.c.id).where(mine, runs.c.deleted.is_(None), runs.c.status != "planning")
    with database.read() as connection:
        ids = list(connection.scalars(query.order_by(runs.c.created.desc()).limit(limit)))
    return [runs_store.find_run(database, run_id) for run_id in ids]


def run_prompts(database: Database) -> list[str]:
    """Returns the names of all prompts that a run was ever planned with, in alphabetical order."""
    query = sa.select(prompt_versions.c.name).distinct().order_by(prompt_versions.c.name)
    with database.read() as connection:
        return list(connection.scalars(query))
