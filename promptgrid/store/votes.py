"""Stores votes: which of two replies to the same case is better, judged by a person or a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from promptgrid.errors import StoreError
from promptgrid.store.database import Database, now, storable
from promptgrid.store.schema import cells, votes

VoteOutcome = Literal["left", "right", "tie", "skip"]


@dataclass(frozen=True, slots=True)
class Vote:
    """A vote on the replies of two cells, one shown on the left and one on the right. `outcome` is the side that was
    preferred (left, right), tie, or skip (the pair was skipped).

    `owner` is the person or the model (ENDPOINT/MODEL) that judged. `created` is in seconds since 1970. A model judges
    the pair twice: once it reads the left reply first, once the right one. `orders` has the place that it preferred
    each time (first, second, tie): `first second` prefers the left reply both times. `orders` is "" for a person, and
    for an old vote that was stored without it.
    """

    id: int
    left_position: int
    right_position: int
    outcome: VoteOutcome
    owner: str
    by_model: bool
    judge_reply_id: int | None
    created: float
    orders: str = ""


def add(
    database: Database,
    run_id: str,
    left_position: int,
    right_position: int,
    outcome: VoteOutcome,
    owner: str,
    *,
    by_model: bool = False,
    judge_reply_id: int | None = None,
    orders: str = "",
) -> int:
    """Stores a vote on the replies of two cells of the run, given by their positions, and returns the vote's id.
    `outcome` and `orders` are as in Vote. With `by_model`, `owner` is a model and `judge_reply_id` the id of its reply.
    Raises StoreError when the run no longer has these cells."""
    row = {
        "run_id": run_id,
        "left_position": left_position,
        "right_position": right_position,
        "outcome": outcome,
        "owner": storable(owner),
        "by_model": by_model,
        "judge_reply_id": judge_reply_id,
        "created": now(),
        "orders": orders,
    }
    with database.write() as connection:
        require_cells(connection, run_id, {left_position, right_position})
        return int(connection.execute(votes.insert().values(row).returning(votes.c.id)).scalar_one())


def undo(database: Database, vote_id: int) -> None:
    """Deletes the vote; does nothing if it no longer exists."""
    with database.write() as connection:
        connection.execute(votes.delete().where(votes.c.id == vote_id))


def listed(database: Database, run_id: str) -> list[Vote]:
    """Returns all votes on the run's replies, oldest first."""
    query = sa.select(*(votes.c[name] for name in Vote.__dataclass_fields__)).where(votes.c.run_id == run_id)
    with database.read() as connection:
        return [Vote(**row._mapping) for row in connection.execute(query.order_by(votes.c.id))]


def require_cells(connection: sa.Connection, run_id: str, positions: set[int]) -> None:
    """Raises StoreError unless the run has a cell at each of these positions: a cell may have been deleted while a page
    still showed it."""
    mine = (cells.c.run_id == run_id) & cells.c.position.in_(positions)
    if connection.scalar(sa.select(sa.func.count()).where(mine)) != len(positions):
        named = " and ".join(map(str, sorted(positions)))
        raise StoreError(
            f"The run {run_id} has no cell {named}; nothing was kept.", hint="Was it removed in another tab?"
        )
