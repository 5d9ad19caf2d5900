"""Stores attempts: failed calls, and, for a run with a budget, calls in flight. They are the log of a cell and the
record of costs without a reply: a reservation is stored before its call is sent, and stays when the call is lost.

A call that is answered at the first attempt leaves no attempt, only its reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from promptgrid.budget import Cost
from promptgrid.store.database import Database, next_ids, now, storable, write_many
from promptgrid.store.schema import attempts, cells, replies


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at the call for the cell at `position`; `number` counts the attempts at that call. `started` is in
    seconds since 1970; `ms` is its duration, None while the call is in flight, and if its process died before its end.

    `kind` and `message` are those of the EndpointError ("": no error). `wait_s` is the pause before the next attempt
    (None: there was none). `worst` is the most that the attempt may have cost (None: nothing).
    """

    position: int
    number: int
    started: float
    ms: float | None = None
    kind: str = ""
    message: str = ""
    wait_s: float | None = None
    worst: Cost | None = None


NO_CELL = -1
"""The position of attempts at calls to a judge or for embeddings, which belong to no single cell."""
UNREPORTED = "unreported"
"""The kind of an attempt whose reply reported no token counts; the attempt counts at its worst-case cost."""
_LAST = 2**31 - 1  # no position is greater
_INSERT = attempts.insert()
_COUNT = (
    cells.update()
    .where(cells.c.run_id == sa.bindparam("of_run"), cells.c.position == sa.bindparam("at"))
    .values(attempts=cells.c.attempts + sa.literal_column("1"))
)


def insert(connection: sa.Connection, run_id: str, calls: Sequence[Attempt]) -> list[int]:
    """Inserts the attempts `calls` within a write transaction and returns their ids. A failed attempt also counts
    towards the cell's number of attempts."""
    ids = next_ids(connection, attempts.c.id, len(calls))
    write_many(connection, _INSERT, [_row(id_, run_id, call) for id_, call in zip(ids, calls, strict=True)])
    count(connection, run_id, [call.position for call in calls if call.ms is not None and call.kind != UNREPORTED])
    return ids


def count(connection: sa.Connection, run_id: str, positions: Sequence[int]) -> None:
    """Adds one to the number of attempts of the cell at each of these positions, which may repeat."""
    write_many(connection, _COUNT, [{"of_run": run_id, "at": position} for position in positions])


def _row(id_: int, run_id: str, call: Attempt) -> dict[str, object]:
    worst = call.worst or Cost(None, None, 0)
    return {
        "id": id_,
        "run_id": run_id,
        **{name: getattr(call, name) for name in ("position", "number", "started", "ms", "kind", "wait_s")},
        "message": storable(call.message),
        "worst_usd": worst.usd,
        "worst_tokens": worst.tokens,
        "worst_calls": worst.calls,
    }


def keep_spent(database: Database, run_id: str, cost: Cost) -> None:
    """Stores what was spent for the run before any of its cells was sent, such as on vectors, so that its budget counts
    it."""
    if any((cost.usd, cost.tokens, cost.calls)):
        with database.write() as connection:
            insert(connection, run_id, [Attempt(NO_CELL, 1, now(), 0.0, "vectors", worst=cost)])


def settle(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Removes the attempts with these ids. Each reserved the cost of a call in flight, which has ended: a reply or a
    failed attempt takes its place."""
    connection.execute(attempts.delete().where(attempts.c.id == sa.bindparam("of")), [{"of": id_} for id_ in ids])


def log(database: Database, run_id: str, position: int) -> list[Attempt]:
    """Returns the attempts at the call of the cell at `position` that failed, were lost or are in flight, oldest
    first."""
    mine = (attempts.c.run_id == run_id) & (attempts.c.position == position)
    with database.read() as connection:
        rows = connection.execute(sa.select(attempts).where(mine).order_by(attempts.c.id)).all()
    return [_attempt(row) for row in rows]


def _attempt(row: sa.Row[Any]) -> Attempt:
    worst = Cost(row.worst_usd, row.worst_tokens, row.worst_calls)
    return Attempt(row.position, row.number, row.started, row.ms, row.kind, row.message, row.wait_s, worst)


def lost_by_cell(database: Database, run_id: str) -> dict[int, tuple[float, int]]:
    """Returns the most that the lost and discarded calls of each cell may have cost, and its replies without token
    counts, by its position: (US dollars, tokens). A cost that is not known counts as 0; cells without such a call are
    left out."""
    with database.read() as connection:
        return lost_between(connection, run_id, 0, _LAST)


def lost_between(connection: sa.Connection, run_id: str, first: int, last: int) -> dict[int, tuple[float, int]]:
    """Returns the same as `lost_by_cell` for the cells from position `first` to `last`."""
    worst = (sa.func.sum(attempts.c.worst_usd), sa.func.sum(attempts.c.worst_tokens))
    cost = (attempts.c.worst_tokens > 0) | (attempts.c.worst_usd > 0)
    mine = (attempts.c.run_id == run_id) & attempts.c.position.between(first, last)
    query = sa.select(attempts.c.position, *worst).where(mine, cost)
    rows = connection.execute(query.group_by(attempts.c.position)).all()
    return {row[0]: (float(row[1] or 0.0), int(row[2] or 0)) for row in rows}


def spent(database: Database, run_id: str) -> Cost:
    """Returns the most that the run may have spent, on replies and on lost attempts. A call that brought several
    replies counts once."""
    prompt = sa.func.coalesce(replies.c.prompt_tokens, 0) / replies.c.batch  # a call's replies share one prompt
    tokens = sa.func.coalesce(replies.c.completion_tokens, 0) + prompt
    paid = (sa.func.sum(replies.c.cost_usd), sa.func.sum(tokens), sa.func.sum(1.0 / replies.c.batch))
    lost = tuple(sa.func.sum(attempts.c[name]) for name in ("worst_usd", "worst_tokens", "worst_calls"))
    with database.read() as connection:
        for_replies = connection.execute(sa.select(*paid).where(replies.c.run_id == run_id)).one()
        for_nothing = connection.execute(sa.select(*lost).where(attempts.c.run_id == run_id)).one()
    # The driver may return Decimals for columns that were divided.
    usd, tokens_used, calls = (float(a or 0) + float(b or 0) for a, b in zip(for_replies, for_nothing, strict=True))
    return Cost(usd, round(tokens_used), round(calls))
