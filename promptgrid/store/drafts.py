"""Stores drafts as JSON: unsaved input of a page under a name, and unsaved content of prompts, one per browser tab."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.store.database import Database, now
from promptgrid.store.schema import drafts, prompt_drafts

Kind = Literal["draft", "values", "aside"]
ASIDE_LIMIT = 100  # the number of older drafts of one prompt that are stored besides those of kind `draft`


def draft(database: Database, name: str) -> Any | None:
    """Returns the value that is stored as the draft of that name; None when there is none."""
    with database.read() as connection:
        value = connection.scalars(sa.select(drafts.c.value).where(drafts.c.name == name)).one_or_none()
    return None if value is None else json.loads(value)


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


@dataclass(frozen=True, slots=True)
class DraftInfo:
    """A stored draft of a prompt. `updated` is when it was written last, in seconds since 1970. `kind` is `draft` for
    unsaved content, `values` for saved content with unsaved values of its variables, and `aside` for content that
    another content has replaced, which no tab opens by itself."""

    id: str
    kind: Kind
    updated: float


def prompt_drafts_of(database: Database, prompt: str) -> list[DraftInfo]:
    """Returns all drafts of the prompt with this name, newest first."""
    columns = (prompt_drafts.c.id, prompt_drafts.c.kind, prompt_drafts.c.updated)
    query = sa.select(*columns).where(prompt_drafts.c.prompt == prompt).order_by(prompt_drafts.c.updated.desc())
    with database.read() as connection:
        return [DraftInfo(*row) for row in connection.execute(query)]


def prompt_draft(database: Database, draft_id: str) -> tuple[DraftInfo, Any] | None:
    """Returns a draft of a prompt with its JSON value; None if there is none with this id."""
    columns = (prompt_drafts.c.id, prompt_drafts.c.kind, prompt_drafts.c.updated, prompt_drafts.c.value)
    with database.read() as connection:
        row = connection.execute(sa.select(*columns).where(prompt_drafts.c.id == draft_id)).one_or_none()
    return None if row is None else (DraftInfo(*row[:3]), json.loads(row.value))


def typed_values(database: Database, prompt: str) -> dict[str, str]:
    """Returns, by variable, the texts that the user typed last for the prompt and that are not saved with it; {} if
    there are none."""
    ours = sa.and_(prompt_drafts.c.prompt == prompt, prompt_drafts.c.kind != "aside")
    query = sa.select(prompt_drafts.c.value).where(ours).order_by(prompt_drafts.c.updated.desc())
    with database.read() as connection:
        records = [json.loads(value).get("values") or {} for value in connection.scalars(query)]
    return next((record["texts"] for record in records if record.get("texts")), {})


def drafted_prompts(database: Database) -> list[str]:
    """Returns the names of the prompts that have unsaved content (a draft of kind `draft`)."""
    query = sa.select(prompt_drafts.c.prompt).where(prompt_drafts.c.kind == "draft").distinct()
    with database.read() as connection:
        return list(connection.scalars(query))


def keep_prompt_draft(
    database: Database, draft_id: str, prompt: str, kind: Kind, value: Any, seen: float | None
) -> float | None:
    """Stores a JSON value as a draft of the prompt, and returns its time. `seen` is the time of the stored draft that
    the value replaces; None stores a new draft. Returns None and stores nothing if the stored draft is no longer that
    of `seen`: another tab has written or deleted it. Of kinds other than `draft`, the prompt keeps `ASIDE_LIMIT`."""
    updated = now()
    row = {"id": draft_id, "prompt": prompt, "kind": kind, "value": json.dumps(value), "updated": updated}
    with database.write() as connection:
        if seen is None:
            connection.execute(insert(prompt_drafts).values(row))
            _drop_oldest(connection, prompt)
            return updated
        changed = connection.execute(prompt_drafts.update().where(_is(draft_id, seen)).values(row)).rowcount
    return updated if changed else None


def drop_prompt_draft(database: Database, draft_id: str, seen: float) -> None:
    """Deletes a draft of a prompt, unless another tab has written it after the time `seen`."""
    with database.write() as connection:
        connection.execute(prompt_drafts.delete().where(_is(draft_id, seen)))


def _is(draft_id: str, updated: float) -> sa.ColumnElement[bool]:
    return sa.and_(prompt_drafts.c.id == draft_id, prompt_drafts.c.updated == updated)


def _drop_oldest(connection: sa.Connection, prompt: str) -> None:
    older = sa.select(prompt_drafts.c.id).where(prompt_drafts.c.prompt == prompt, prompt_drafts.c.kind != "draft")
    extra = older.order_by(prompt_drafts.c.updated.desc()).offset(ASIDE_LIMIT)
    connection.execute(prompt_drafts.delete().where(prompt_drafts.c.id.in_(extra)))
