"""Stores and reads the replies of cells whose technique makes several calls."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from promptgrid.store import attempts
from promptgrid.store.database import Database, Row, write_many
from promptgrid.store.schema import STEP_SUMS, cells, replies, steps


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A call of the cell at `position` that has its reply: a new one (`reply`, a row of `commits.reply_row`) or a
    stored one (`reply_id`). `number` counts the calls of the cell from 0, `round` those that were sent side by side.
    `reused` tells whether the reply was not sent for this run. `attempts` is the number of calls that it adds to the
    cell's attempts: of several replies that one call brought, only one counts."""

    position: int
    number: int
    round: int
    step: str
    reply: Row | None = None
    reply_id: int | None = None
    reused: bool = False
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A call of a cell with its reply as it is stored."""

    number: int
    round: int
    step: str
    reused: bool
    reply_id: int
    key: str
    text: str
    reasoning: str
    finish_reason: str
    request: str  # JSON
    endpoint: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    cached_tokens: int | None
    cost_usd: float | None
    latency_ms: float
    batch: int  # the number of replies that its call brought, which share the prompt's tokens
    tool_calls: str  # JSON, for prompt.tools.calls_from


_STEP_COLUMNS = ("number", "round", "step", "reused", "reply_id")
_OF_THE_PROMPT = ("prompt_tokens", "cached_tokens")
_JOINED = steps.join(replies, steps.c.reply_id == replies.c.id)


def _number(value: float) -> sa.ColumnElement[float]:
    """The number in an SQL text: `write_many` takes no values of the statement's own."""
    return sa.literal_column(str(value), sa.Float)


_SHARE = _number(1.0) / replies.c.batch  # of a reply in its call
# A part of a call counts as one
_CALLS = sa.cast(sa.func.round(sa.func.coalesce(sa.func.sum(_SHARE), _number(0)) + _number(0.49)), sa.Integer)
_INSERT = steps.insert()
_FORGET = steps.delete().where(
    steps.c.run_id == sa.bindparam("of_run"),
    steps.c.position == sa.bindparam("at"),
    (steps.c.number == sa.bindparam("same")) | (steps.c.round > sa.bindparam("earlier")),
)


def _sum(name: str) -> sa.ScalarSelect[Any]:
    """The sum of a column of replies over the calls of the bound cell; NULL if any value is not known. Replies of one
    call share its prompt. Of calls that were sent side by side, the time is that of the slowest."""
    mine = (steps.c.run_id == sa.bindparam("of_run")) & (steps.c.position == sa.bindparam("at"))
    column = replies.c[name]
    if name == "latency_ms":
        rounds = sa.select(sa.func.max(column).label(name)).select_from(_JOINED).where(mine).group_by(steps.c.round)
        return sa.select(sa.func.sum(rounds.subquery().c[name])).scalar_subquery()
    added: sa.ColumnElement[Any] = sa.func.sum(column)
    if name in _OF_THE_PROMPT:
        added = sa.cast(sa.func.round(sa.func.sum(column * _SHARE)), sa.Integer)
    known = sa.case((sa.func.count() == sa.func.count(column), added))
    return sa.select(known).select_from(_JOINED).where(mine).scalar_subquery()


def _of_cell(*columns: Any) -> sa.Select[Any]:
    mine = (steps.c.run_id == sa.bindparam("of_run")) & (steps.c.position == sa.bindparam("at"))
    return sa.select(*columns).where(mine)


_STORED = (  # made once, since to make it takes longer than to execute it
    _of_cell(*((steps if name in _STEP_COLUMNS else replies).c[name] for name in StoredStep.__slots__))
    .select_from(_JOINED)
    .order_by(steps.c.number)
)
_SUM_UP = (
    cells.update()
    .where(cells.c.run_id == sa.bindparam("of_run"), cells.c.position == sa.bindparam("at"))
    .values(
        calls=_of_cell(_CALLS).select_from(_JOINED).scalar_subquery(),
        reply_id=_of_cell(steps.c.reply_id).where(steps.c.number == sa.bindparam("output")).scalar_subquery(),
        **{f"steps_{name}": _sum(name) for name in STEP_SUMS},
    )
)


def insert_steps(connection: sa.Connection, run_id: str, records: Sequence[StepRecord], ids: Mapping[int, int]) -> None:
    """Stores these calls of cells, and counts those that were sent for this run as attempts of their cells. `ids` has
    the id of each new reply by `id(row)`. A call replaces the stored one with its number, and those of later rounds:
    the technique went another way."""
    attempts.count(connection, run_id, [one.position for one in records if not one.reused for _ in range(one.attempts)])
    forgotten = [{"of_run": run_id, "at": one.position, "same": one.number, "earlier": one.round} for one in records]
    write_many(connection, _FORGET, forgotten)
    write_many(connection, _INSERT, [
        {**{name: getattr(one, name) for name in ("position", "number", "round", "step", "reused")},
         "run_id": run_id, "reply_id": one.reply_id if one.reply is None else ids[id(one.reply)]}
        for one in records
    ])  # fmt: skip


def sum_up(connection: sa.Connection, run_id: str, outputs: Mapping[int, int | None]) -> None:
    """Writes to each of these cells the number of its calls, the sums over them, and the reply that is its output.
    `outputs` has the number of that reply's call by the cell's position; None: the cell failed."""
    rows = [{"of_run": run_id, "at": position, "output": number} for position, number in outputs.items()]
    write_many(connection, _SUM_UP, rows)


def steps_of(database: Database, run_id: str, position: int) -> list[StoredStep]:
    """Returns the calls of the cell at `position`, by their numbers; empty for a cell of one call."""
    with database.read() as connection:
        return [StoredStep(*row) for row in connection.execute(_STORED, {"of_run": run_id, "at": position})]


def calls_of_cell(own: str | None, steps: str | None) -> str | None:
    """Returns the calls of tools of a cell as a JSON list; None if it has none. `own` are those of its only call, as
    stored; `steps` are its calls in the form of `steps_json`, if it has several."""
    if steps is None or '"tool_calls"' not in steps:
        return None if steps is not None else own or None
    return json.dumps([call for item in json.loads(steps) for call in item.get("tool_calls", ())])


_IN_FILES = (
    *("number", "round", "step", "reused"),
    *("endpoint", "model", "text", "reasoning", "finish_reason", "tool_calls"),
    *("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost_usd", "latency_ms"),
    "batch",
)


def steps_json(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[int, str]:
    """Returns the calls of the cells from position `first` to `last` as a JSON list, by position; cells of one call are
    left out. Each item has the step's name, the model, the reply, its calls of tools if it has any, its tokens, cost
    and time. One of several replies of one call has their number (`batch`), and all tokens of their prompt."""
    columns = [(steps if name in _STEP_COLUMNS else replies).c[name] for name in _IN_FILES]
    query = sa.select(steps.c.position, *columns).join(replies, steps.c.reply_id == replies.c.id)
    mine = query.where(steps.c.run_id == run_id, steps.c.position.between(first, last))
    calls: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for position, *values in connection.execute(mine.order_by(steps.c.position, steps.c.number)):
        item = dict(zip(_IN_FILES, values, strict=True))
        called, batch = json.loads(item.pop("tool_calls") or "[]"), item.pop("batch")
        together = {"batch": batch} if batch > 1 else {}
        calls[position].append(item | together | ({"tool_calls": called} if called else {}))
    return {position: json.dumps(items, ensure_ascii=False) for position, items in calls.items()}
