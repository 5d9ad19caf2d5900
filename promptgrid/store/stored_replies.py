"""Reads stored replies by the key of their point and their sample number."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from promptgrid.prompt.tools import ToolCall, calls_from
from promptgrid.store.database import Database
from promptgrid.store.schema import cells, replies, steps
from promptgrid.tokens import ReportedUsage

Key = TypeVar("Key", str, int)

_LATEST = 30  # replies
_ANSWERS = ("run", "try", "judge")  # the kinds of replies to a request that a plan may count
_LOOKUP = 500  # keys per query: SQLite allows 32,766 variables, older builds 999
_COLUMNS = ("key", "sample", "id", "text", "reasoning", "run_id", "created", "batch", "tool_calls")
_SHOWN = sa.or_(*(sa.exists().where(table.c.reply_id == replies.c.id) for table in (cells, steps)))
# Made once: a technique in several steps looks up each call, and to make the query takes longer than to execute it.
_BY_KEY = (
    sa.select(*(replies.c[name] for name in _COLUMNS), _SHOWN.label("shown"))
    .where(replies.c.key.in_(sa.bindparam("keys", expanding=True)))
    .order_by(replies.c.id)
)
_PAID_BY = _BY_KEY.where(replies.c.run_id == sa.bindparam("of_run"))


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply in the database. `run_id` is the run that paid for it (None: no run did), `shown` is true if it is the
    reply of at least one cell of any run, or of one of its calls, `created` is in seconds since 1970, `batch` the
    number of replies that its call brought."""

    id: int
    text: str
    reasoning: str  # reasoning returned in a separate field
    run_id: str | None
    shown: bool
    created: float
    batch: int
    tool_calls: tuple[ToolCall, ...] = ()


def stored_replies(
    database: Database, keys: Sequence[str], run_id: str | None = None
) -> dict[tuple[str, int], StoredReply]:
    """Returns by (key, sample number) the newest stored reply to each sample of the requests with these keys. With
    `run_id`, only replies that this run paid for."""
    query, values = (_BY_KEY, {}) if run_id is None else (_PAID_BY, {"of_run": run_id})
    with database.read() as connection:
        rows = [row for lot in lots(keys) for row in connection.execute(query, {"keys": lot, **values})]
    return {(row.key, row.sample): StoredReply(row.id, row.text, row.reasoning, row.run_id, row.shown, row.created,
                                               row.batch, calls_from(row.tool_calls)) for row in rows}  # fmt: skip


def stored_samples(database: Database, keys: Sequence[str], since: int = 0) -> dict[str, set[int]]:
    """Returns, for each of these keys that has replies, the sample numbers of its replies. Only replies with an id
    greater than `since` count."""
    samples: dict[str, set[int]] = defaultdict(set)
    query = sa.select(replies.c.key, replies.c.sample).where(replies.c.id > since)
    with database.read() as connection:
        for lot in lots(keys):
            for row in connection.execute(query.where(replies.c.key.in_(lot))):
                samples[row.key].add(row.sample)
    return samples


def newest(database: Database) -> int:
    """Returns the id of the reply that was stored last; 0 when there is none."""
    with database.read() as connection:
        return int(connection.scalar(sa.select(sa.func.max(replies.c.id))) or 0)


def lots(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Yields the keys in chunks that are small enough for one query."""
    return (keys[start : start + _LOOKUP] for start in range(0, len(keys), _LOOKUP))


def reported_usage(database: Database, endpoint: str, model: str) -> list[ReportedUsage]:
    """Returns the request and the reported prompt tokens of the model's latest 30 replies that report them."""
    mine = (replies.c.endpoint == endpoint) & (replies.c.model == model) & replies.c.prompt_tokens.is_not(None)
    texts = replies.c.kind.in_(_ANSWERS)
    query = sa.select(replies.c.request, replies.c.prompt_tokens).where(mine & texts)
    with database.read() as connection:
        rows = connection.execute(query.order_by(replies.c.id.desc()).limit(_LATEST)).all()
    return [ReportedUsage(json.loads(row.request), row.prompt_tokens) for row in rows]


def seconds_per_reply(database: Database, endpoint: str, model: str) -> float | None:
    """Returns the mean time in seconds of the model's latest 50 replies (None: it has none). If one call brought
    several replies, each counts an equal share of the call's time.

    Replies of a single token (kind "look") are left out, because they take less time.
    """
    columns = (replies.c.latency_ms / replies.c.batch).label("ms")
    mine = (replies.c.endpoint == endpoint) & (replies.c.model == model) & (replies.c.kind != "look")
    latest = sa.select(columns).where(mine).order_by(replies.c.id.desc()).limit(50).subquery()
    with database.read() as connection:
        ms = connection.scalar(sa.select(sa.func.avg(latest.c.ms)))
    return None if ms is None else float(ms) / 1000


def is_reply_row(row: object) -> bool:
    """Returns whether `row`, read from a file of unsaved replies, can be stored like a `reply_row`: its columns are
    known, its values plain."""
    return (
        isinstance(row, dict)
        and {"key", "sample", "created", "text"} <= row.keys() <= set(replies.c.keys())
        and all(value is None or isinstance(value, (str, int, float)) for value in row.values())
    )
