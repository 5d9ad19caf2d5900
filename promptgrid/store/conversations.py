"""Stores conversations: a tree of turns, the replies of each variant to each turn, and the branch that is shown.

An edited turn or a repeated reply becomes another child of the same parent; the earlier ones stay. A deleted turn is
skipped until it is restored.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.errors import StoreError
from promptgrid.prompt import Role
from promptgrid.store.conversation_tables import conversations, turn_replies, turns
from promptgrid.store.database import Database, now, storable
from promptgrid.store.schema import replies
from promptgrid.techniques import PromptPart

State = Literal["answered", "stopped", "failed", "edited"]
_FACTS = ("model", "finish_reason", "prompt_tokens", "completion_tokens", "latency_ms", "cost_usd")


@dataclass(frozen=True, slots=True)
class Info:
    """One conversation in the list of conversations; `created` is in seconds since 1970."""

    id: str
    name: str
    created: float


@dataclass(frozen=True, slots=True)
class VariantReply:
    """The reply of one variant (a model with its settings) to a turn. `state` is `answered`, `stopped` by the user,
    `failed` with the `error`, or `edited` by the user. `cut` is the number of turns that did not fit into the model's
    context window; `reply_id` is that of the stored reply, None for an incomplete reply. `retrieved` is the JSON object
    of the chunks that were found for the turn; None if no documents were searched.

    The fields from `model` to `cost_usd` are read from the stored reply (None: not known).
    """

    text: str
    state: State = "answered"
    error: str = ""
    cut: int = 0
    reply_id: int | None = None
    retrieved: Mapping[str, Any] | None = None
    model: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_ms: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One turn in the tree of a conversation. `parent` is the id of the turn before it (None: it is the first). `part`
    is the part of the context budget to which the turn belongs: system, examples, retrieved, history or question.
    `replies` is by variant number, and empty for a turn that a person wrote."""

    id: int
    parent: int | None
    role: Role
    part: PromptPart
    text: str
    deleted: bool
    replies: Mapping[int, VariantReply]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation. `nodes` holds its turns by id, parents before children; `leaf` is the id of the last turn
    of the branch shown.

    A `deleted` conversation can still be opened until `purge`.
    """

    id: str
    name: str
    settings: Mapping[str, Any]
    leaf: int | None
    nodes: Mapping[int, Node]
    deleted: bool = False


def create(database: Database, name: str, settings: Mapping[str, Any], opening: Sequence[tuple[Role, str]] = ()) -> str:
    """Stores a new conversation and its first turns, `opening`, each (role, text); returns the conversation's id.
    `settings` are as for `set_settings`."""
    row = {"id": secrets.token_hex(4), "name": storable(name), "settings": json.dumps(dict(settings))}
    with database.write() as connection:
        connection.execute(conversations.insert().values(**row, created=now(), updated=now()))
        turn: int | None = None
        for role, text in opening:
            turn = _add_turn(connection, row["id"], turn, role, text, "history")
    return row["id"]


def listed(database: Database, *, deleted: bool = False) -> list[Info]:
    """Returns the conversations, most recently changed first: those that are not deleted, or with `deleted` only the
    deleted ones."""
    columns = [conversations.c[name] for name in Info.__dataclass_fields__]
    gone = conversations.c.deleted.is_not(None) if deleted else conversations.c.deleted.is_(None)
    with database.read() as connection:
        rows = connection.execute(sa.select(*columns).where(gone).order_by(conversations.c.updated.desc()))
        return [Info(**row._mapping) for row in rows]


def load(database: Database, conversation_id: str) -> Conversation:
    """Loads a whole conversation. Raises StoreError when it does not exist or no longer exists."""
    with database.read() as connection:
        head = connection.execute(sa.select(conversations).where(conversations.c.id == conversation_id)).one_or_none()
        if head is None:
            raise _gone(conversation_id)
        mine = turns.c.conversation_id == conversation_id
        facts = [replies.c[name] for name in _FACTS]
        joined = turn_replies.join(turns, turn_replies.c.turn_id == turns.c.id)
        joined = joined.outerjoin(replies, turn_replies.c.reply_id == replies.c.id)
        by_turn: dict[int, dict[int, VariantReply]] = {}
        for row in connection.execute(sa.select(turn_replies, *facts).select_from(joined).where(mine)):
            values = dict(row._mapping)
            turn, variant = values.pop("turn_id"), values.pop("variant")
            values["retrieved"] = json.loads(values["retrieved"]) if values["retrieved"] else None
            by_turn.setdefault(turn, {})[variant] = VariantReply(**values)
        rows = connection.execute(sa.select(turns).where(mine).order_by(turns.c.id))
        nodes = {
            row.id: Node(
                row.id, row.parent, row.role, row.part, row.text, row.deleted is not None, by_turn.get(row.id, {})
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
    replies_by_variant: Mapping[int, VariantReply] | None = None,
) -> int:
    """Adds a turn after the turn `parent` (None: as the first), with the replies of variants to it; makes it the last
    turn of the branch shown, and returns its id."""
    with database.write() as connection:
        turn = _add_turn(connection, conversation_id, parent, role, text, part)
        for variant, one in (replies_by_variant or {}).items():
            keep_reply(connection, turn, variant, one)
    return turn


def _add_turn(
    connection: sa.Connection, conversation_id: str, parent: int | None, role: Role, text: str, part: PromptPart
) -> int:
    row = {"conversation_id": conversation_id, "parent": parent, "role": role, "part": part, "text": storable(text)}
    _touch(connection, conversation_id)
    turn = int(connection.execute(turns.insert().values(**row, created=now()).returning(turns.c.id)).scalar_one())
    _touch(connection, conversation_id, leaf=turn)
    return turn


def keep_reply(connection: sa.Connection, turn_id: int, variant: int, reply: VariantReply) -> None:
    """Stores the reply of one variant to a turn, in place of its earlier reply. A reply without chunks, such as an
    edited one, keeps those of the earlier reply."""
    row = {
        "turn_id": turn_id,
        "variant": variant,
        "text": storable(reply.text),
        "state": reply.state,
        "error": storable(reply.error),
        "cut": reply.cut,
        "reply_id": reply.reply_id,
    }
    if reply.retrieved is not None:
        row["retrieved"] = storable(json.dumps(reply.retrieved, ensure_ascii=False))
    statement = insert(turn_replies).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["turn_id", "variant"], set_=row))


def change_turn(
    database: Database, conversation_id: str, turn_id: int, text: str | VariantReply, variant: int | None = None
) -> None:
    """Replaces the text of a turn, or one variant's reply to it: by a text that the user wrote, or by a whole reply.
    The turns after it stay."""
    with database.write() as connection:
        _touch(connection, conversation_id)
        if isinstance(text, VariantReply):
            keep_reply(connection, turn_id, variant or 0, text)
        elif variant is not None:
            keep_reply(connection, turn_id, variant, VariantReply(text, "edited"))
        else:
            connection.execute(turns.update().where(turns.c.id == turn_id).values(text=storable(text)))


def request_of(database: Database, reply: VariantReply) -> str | None:
    """Returns the body of the request that brought the reply, as JSON; None if no reply came."""
    with database.read() as connection:
        return connection.scalar(sa.select(replies.c.request).where(replies.c.id == reply.reply_id))


def set_part(database: Database, conversation_id: str, turn_id: int, part: PromptPart) -> None:
    """Sets the part of the context budget (history, examples …) to which a turn belongs."""
    with database.write() as connection:
        _touch(connection, conversation_id)
        connection.execute(turns.update().where(turns.c.id == turn_id).values(part=part))


def set_leaf(database: Database, conversation_id: str, leaf: int | None) -> None:
    """Sets the branch that is shown: the one whose last turn has the id `leaf` (None: no turn is shown)."""
    with database.write() as connection:
        _touch(connection, conversation_id, leaf=leaf)


def set_deleted(database: Database, conversation_id: str, turn_id: int, deleted: bool) -> None:
    """Marks one turn as deleted, or with `deleted` false restores it. The turns after it stay."""
    with database.write() as connection:
        _touch(connection, conversation_id)
        gone = now() if deleted else None
        connection.execute(turns.update().where(turns.c.id == turn_id).values(deleted=gone))


def set_settings(database: Database, conversation_id: str, settings: Mapping[str, Any]) -> None:
    """Replaces the settings, the JSON object of `chat.settings.Settings`: variants, policy, limit and room."""
    with database.write() as connection:
        _touch(connection, conversation_id, settings=json.dumps(dict(settings)))


def rename(database: Database, conversation_id: str, name: str) -> None:
    """Renames the conversation."""
    with database.write() as connection:
        _touch(connection, conversation_id, name=storable(name))


def delete(database: Database, conversation_id: str) -> None:
    """Hides the conversation; `restore` shows it again until `purge`."""
    with database.write() as connection:
        _touch(connection, conversation_id, deleted=now())


def restore(database: Database, conversation_id: str) -> None:
    """Shows a deleted conversation again."""
    with database.write() as connection:
        _touch(connection, conversation_id, deleted=None)


def purge(database: Database) -> int:
    """Deletes the deleted conversations permanently; their replies stay. Returns the number of conversations."""
    with database.write() as connection:
        return connection.execute(conversations.delete().where(conversations.c.deleted.is_not(None))).rowcount


def _touch(connection: sa.Connection, conversation_id: str, **values: Any) -> None:
    """Stores `values` in the row of the conversation, with the time of the change; every change goes through it. Raises
    StoreError if the conversation no longer exists."""
    mine = conversations.update().where(conversations.c.id == conversation_id)
    if not connection.execute(mine.values(updated=now(), **values)).rowcount:
        raise _gone(conversation_id)


def _gone(conversation_id: str) -> StoreError:
    return StoreError(
        f"There is no conversation {conversation_id} any more.", hint="Was it removed in another tab? Open another one."
    )
