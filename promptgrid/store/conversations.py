"""Conversations: a tree of turns, the replies of each variant to them, and the branch that is on the screen.

Nothing is lost: an edit that branches, a reply asked for again is another child of the same turn; what is deleted is
passed over until it is restored.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.errors import StoreError
from promptgrid.prompt import Role
from promptgrid.store.database import Database, now, storable
from promptgrid.store.schema import conversations, replies, turn_replies, turns
from promptgrid.techniques import PromptPart

State = Literal["answered", "stopped", "failed", "edited"]
_FACTS = ("model", "finish_reason", "prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")


@dataclass(frozen=True, slots=True)
class Info:
    """One line of the list; `created` in seconds since 1970."""

    id: str
    name: str
    created: float


@dataclass(frozen=True, slots=True)
class VariantReply:
    """What one variant replied. `cut` turns had no room in its window; `reply_id` is None where no whole reply came.

    The facts after it are those of the reply (None: not known).
    """

    text: str
    state: State = "answered"
    error: str = ""
    cut: int = 0
    reply_id: int | None = None
    model: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_ms: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One turn in the tree. `said` holds the replies by variant; empty for a turn that a person wrote."""

    id: int
    parent: int | None
    role: Role
    part: PromptPart
    text: str
    deleted: bool
    said: Mapping[int, VariantReply]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation. `nodes` by id, parents before their children; `leaf` ends the branch on the screen.

    One that is `deleted` can be opened until it is removed for good.
    """

    id: str
    name: str
    settings: Mapping[str, Any]
    leaf: int | None
    nodes: Mapping[int, Node]
    deleted: bool = False


def create(database: Database, name: str, settings: Mapping[str, Any]) -> str:
    """A new conversation without turns; returns its id."""
    row = {"id": secrets.token_hex(4), "name": storable(name), "settings": json.dumps(dict(settings))}
    with database.write() as connection:
        connection.execute(conversations.insert().values(**row, created=now(), updated=now()))
    return row["id"]


def listed(database: Database, *, deleted: bool = False) -> list[Info]:
    """All of them, the one that changed last first; or those that are deleted."""
    columns = [conversations.c[name] for name in Info.__dataclass_fields__]
    gone = conversations.c.deleted.is_not(None) if deleted else conversations.c.deleted.is_(None)
    with database.read() as connection:
        rows = connection.execute(sa.select(*columns).where(gone).order_by(conversations.c.updated.desc()))
        return [Info(**row._mapping) for row in rows]


def load(database: Database, conversation_id: str) -> Conversation:
    """All of one conversation. Raises StoreError when there is none of that id (any more)."""
    with database.read() as connection:
        head = connection.execute(sa.select(conversations).where(conversations.c.id == conversation_id)).one_or_none()
        if head is None:
            raise _gone(conversation_id)
        mine = turns.c.conversation_id == conversation_id
        facts = [replies.c[name] for name in _FACTS]
        joined = turn_replies.join(turns, turn_replies.c.turn_id == turns.c.id)
        joined = joined.outerjoin(replies, turn_replies.c.reply_id == replies.c.id)
        said: dict[int, dict[int, VariantReply]] = {}
        for row in connection.execute(sa.select(turn_replies, *facts).select_from(joined).where(mine)):
            values = dict(row._mapping)
            turn, variant = values.pop("turn_id"), values.pop("variant")
            said.setdefault(turn, {})[variant] = VariantReply(**values)
        rows = connection.execute(sa.select(turns).where(mine).order_by(turns.c.id))
        nodes = {
            row.id: Node(
                row.id, row.parent, row.role, row.part, row.text, row.deleted is not None, said.get(row.id, {})
            )
            for row in rows
        }
    gone = head.deleted is not None
    return Conversation(head.id, head.name, json.loads(head.settings), head.leaf, nodes, gone)


def add_turn(
    database: Database,
    conversation_id: str,
    parent: int | None,
    role: Role,
    text: str = "",
    *,
    part: PromptPart = "history",
    said: Mapping[int, VariantReply] | None = None,
) -> int:
    """A turn after `parent`, at the end of the branch on the screen from now on; returns its id."""
    row = {
        "conversation_id": conversation_id,
        "parent": parent,
        "role": role,
        "part": part,
        "text": storable(text),
        "created": now(),
    }
    with database.write() as connection:
        _touch(connection, conversation_id)
        turn = int(connection.execute(turns.insert().values(row).returning(turns.c.id)).scalar_one())
        _touch(connection, conversation_id, leaf=turn)
        for variant, one in (said or {}).items():
            keep_reply(connection, turn, variant, one)
    return turn


def keep_reply(connection: sa.Connection, turn_id: int, variant: int, said: VariantReply) -> None:
    """Keeps what a variant said, over what it said before."""
    row = {
        "turn_id": turn_id,
        "variant": variant,
        "text": storable(said.text),
        "state": said.state,
        "error": storable(said.error),
        "cut": said.cut,
        "reply_id": said.reply_id,
    }
    statement = insert(turn_replies).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["turn_id", "variant"], set_=row))


def change_turn(database: Database, conversation_id: str, turn_id: int, text: str, variant: int | None = None) -> None:
    """Another text for a turn, or for one variant's reply; what follows it stays."""
    with database.write() as connection:
        _touch(connection, conversation_id)
        if variant is None:
            connection.execute(turns.update().where(turns.c.id == turn_id).values(text=storable(text)))
        else:
            keep_reply(connection, turn_id, variant, VariantReply(text, "edited"))


def set_part(database: Database, conversation_id: str, turn_id: int, part: PromptPart) -> None:
    """Says what a turn is for the context budget."""
    with database.write() as connection:
        _touch(connection, conversation_id)
        connection.execute(turns.update().where(turns.c.id == turn_id).values(part=part))


def set_leaf(database: Database, conversation_id: str, leaf: int | None) -> None:
    """Puts another branch on the screen."""
    with database.write() as connection:
        _touch(connection, conversation_id, leaf=leaf)


def set_deleted(database: Database, conversation_id: str, turn_id: int, deleted: bool) -> None:
    """Passes over one turn, or takes it in again; what follows it stays."""
    with database.write() as connection:
        _touch(connection, conversation_id)
        gone = now() if deleted else None
        connection.execute(turns.update().where(turns.c.id == turn_id).values(deleted=gone))


def set_settings(database: Database, conversation_id: str, settings: Mapping[str, Any]) -> None:
    """Other variants, another window."""
    with database.write() as connection:
        _touch(connection, conversation_id, settings=json.dumps(dict(settings)))


def rename(database: Database, conversation_id: str, name: str) -> None:
    """Another name."""
    with database.write() as connection:
        _touch(connection, conversation_id, name=storable(name))


def delete(database: Database, conversation_id: str) -> None:
    """Hides it; `restore` brings it back until `purge`."""
    with database.write() as connection:
        _touch(connection, conversation_id, deleted=now())


def restore(database: Database, conversation_id: str) -> None:
    """Undoes `delete`."""
    with database.write() as connection:
        _touch(connection, conversation_id, deleted=None)


def purge(database: Database) -> int:
    """Removes deleted conversations for good; their replies stay, as all tries do. Returns how many."""
    with database.write() as connection:
        return connection.execute(conversations.delete().where(conversations.c.deleted.is_not(None))).rowcount


def _touch(connection: sa.Connection, conversation_id: str, **values: Any) -> None:
    """Every change goes by here. Raises StoreError when the conversation is gone."""
    mine = conversations.update().where(conversations.c.id == conversation_id)
    if not connection.execute(mine.values(updated=now(), **values)).rowcount:
        raise _gone(conversation_id)


def _gone(conversation_id: str) -> StoreError:
    return StoreError(
        f"There is no conversation {conversation_id} any more.", hint="Was it removed in another tab? Open another one."
    )
