"""Stores drafts: unsaved input of a page, stored while the user types, as JSON under a name."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.store.database import Database, now
from promptgrid.store.schema import drafts

PROMPT = "prompt:"  # prefix of the drafts of prompts


def draft(database: Database, name: str) -> Any | None:
    """Returns the value that is stored as the draft of that name; None when there is none."""
    with database.read() as connection:
        value = connection.scalars(sa.select(drafts.c.value).where(drafts.c.name == name)).one_or_none()
    return None if value is None else json.loads(value)


def draft_names(database: Database, prefix: str) -> list[str]:
    """Returns the names of all stored drafts whose name begins with `prefix`, newest first."""
    query = sa.select(drafts.c.name).where(drafts.c.name.startswith(prefix, autoescape=True))
    with database.read() as connection:
        return list(connection.scalars(query.order_by(drafts.c.updated.desc())))


def keep_draft(database: Database, name: str, value: Any) -> None:
    """Stores a JSON value as the draft of that name; replaces an earlier draft."""
    row = {"name": name, "value": json.dumps(value), "updated": now()}
    statement = insert(drafts).values(row)
    with database.write() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def drop_draft(database: Database, name: str) -> None:
    """Deletes the draft of that name."""
    with database.write() as connection:
        connection.execute(drafts.delete().where(drafts.c.name == name))
