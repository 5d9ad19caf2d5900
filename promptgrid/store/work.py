"""What the runner does to a run: claim it, see what is pending, find stored replies, commit outcomes, end it.

Every write carries the epoch of the claim and is checked in its own transaction: a runner that lost the run (a laptop's
sleep, a takeover) gets `Fenced` and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from promptgrid.answers import Answer
from promptgrid.budget import Cost
from promptgrid.endpoint import Reply
from promptgrid.grading import Score
from promptgrid.store.database import Database, now, storable
from promptgrid.store.runs import RunStatus, cancel_pending
from promptgrid.store.schema import cells, replies, runs, scores

_LOOKUP = 500  # keys a query: SQLite takes 32,766 variables, older builds 999


class Fenced(Exception):
    """Somebody else has claimed the run since: stop touching it."""


@dataclass(frozen=True, slots=True)
class CellResult:
    """What one cell got: the answer read out of its reply and its scores, or the error that it ended with."""

    position: int
    status: str
    answer: Answer | None = None
    scores: Sequence[Score] = ()
    error: str = ""
    error_kind: str = ""
    attempts: int = 0
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One reply (new: `reply`, stored before: `reply_id`) or none, and the cells that show it."""

    results: Sequence[CellResult]
    reply: Reply | None = None
    reply_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # key, endpoint, model, seed, batch, cost_usd


def waiting_runs(database: Database) -> list[str]:
    """Runs for a runner to take, oldest first: queued, or left behind by a runner that died.

    Ask only while holding the data folder's runner lock: then whoever had a running run is gone.
    """
    left_behind = runs.c.status.in_(["queued", "running", "pausing", "cancelling"])
    with database.read() as connection:
        return list(connection.scalars(sa.select(runs.c.id).where(left_behind).order_by(runs.c.created)))


def claim(database: Database, run_id: str) -> int:
    """Makes the run ours and returns its new epoch."""
    with database.write() as connection:
        mine = runs.update().where(runs.c.id == run_id)
        connection.execute(mine.values(epoch=runs.c.epoch + 1, heartbeat=now()))
        connection.execute(mine.where(runs.c.status == "queued").values(status="running"))
        connection.execute(mine.where(runs.c.started.is_(None)).values(started=now()))
        return int(connection.scalars(sa.select(runs.c.epoch).where(runs.c.id == run_id)).one())


def status_and_epoch(database: Database, run_id: str) -> tuple[RunStatus, int]:
    """What is asked of the run now, and whose it is."""
    with database.read() as connection:
        row = connection.execute(sa.select(runs.c.status, runs.c.epoch).where(runs.c.id == run_id)).one()
    return row.status, row.epoch


def pending(database: Database, run_id: str) -> dict[int, str]:
    """position -> key of the cells that have not ended."""
    chosen = sa.select(cells.c.position, cells.c.key).where(cells.c.run_id == run_id, cells.c.status == "pending")
    with database.read() as connection:
        return {row.position: row.key for row in connection.execute(chosen)}


def stored_replies(database: Database, keys: Iterable[str]) -> dict[str, tuple[int, str]]:
    """key -> (reply id, text) of the newest reply stored under each key that has one."""
    wanted = list(keys)
    found: dict[str, tuple[int, str]] = {}
    with database.read() as connection:
        for start in range(0, len(wanted), _LOOKUP):
            chosen = sa.select(replies.c.key, replies.c.id, replies.c.text)
            some = chosen.where(replies.c.key.in_(wanted[start : start + _LOOKUP])).order_by(replies.c.id)
            found.update({row.key: (row.id, row.text) for row in connection.execute(some)})
    return found


def stored_keys(database: Database, keys: Iterable[str]) -> set[str]:
    """Those of the keys that have a reply."""
    wanted = list(keys)
    found: set[str] = set()
    with database.read() as connection:
        for start in range(0, len(wanted), _LOOKUP):
            some = replies.c.key.in_(wanted[start : start + _LOOKUP])
            found.update(connection.scalars(sa.select(replies.c.key).where(some)))
    return found


def seconds_per_reply(database: Database, endpoint: str, model: str) -> float | None:
    """Mean over the model's latest 50 replies, each its share where several came together; None: none yet."""
    columns = (replies.c.latency_ms / replies.c.batch).label("ms")
    mine = (replies.c.endpoint == endpoint) & (replies.c.model == model)
    latest = sa.select(columns).where(mine).order_by(replies.c.id.desc()).limit(50).subquery()
    with database.read() as connection:
        ms = connection.scalar(sa.select(sa.func.avg(latest.c.ms)))
    return None if ms is None else float(ms) / 1000


def spent(database: Database, run_id: str) -> Cost:
    """What the run's stored replies cost; calls that brought several replies count once."""
    prompt = sa.func.coalesce(replies.c.prompt_tokens, 0) / replies.c.batch  # read once for all of a call's replies
    tokens = sa.func.coalesce(replies.c.completion_tokens, 0) + prompt
    columns = (sa.func.sum(replies.c.cost_usd), sa.func.sum(tokens), sa.func.sum(1.0 / replies.c.batch))
    with database.read() as connection:
        usd, used, calls = connection.execute(sa.select(*columns).where(replies.c.run_id == run_id)).one()
    return Cost(usd or 0.0, used or 0, round(calls or 0))


def commit(database: Database, run_id: str, epoch: int, outcomes: Sequence[Outcome]) -> None:
    """Stores replies, cells and scores in one transaction, before anybody sees them. Raises Fenced."""
    with database.write() as connection:
        _beat(connection, run_id, epoch)
        for outcome in outcomes:
            reply_id = outcome.reply_id if outcome.reply is None else _insert_reply(connection, run_id, outcome)
            for result in outcome.results:
                _end_cell(connection, run_id, result, reply_id)


def beat(database: Database, run_id: str, epoch: int) -> None:
    """Says that the runner is alive. Raises Fenced."""
    with database.write() as connection:
        _beat(connection, run_id, epoch)


def _beat(connection: sa.Connection, run_id: str, epoch: int) -> None:
    mine = runs.update().where(runs.c.id == run_id, runs.c.epoch == epoch)
    if connection.execute(mine.values(heartbeat=now())).rowcount != 1:
        raise Fenced(run_id)


def _insert_reply(connection: sa.Connection, run_id: str, outcome: Outcome) -> int:
    assert outcome.reply is not None
    return insert_reply(connection, outcome.reply, kind="run", run_id=run_id, **outcome.facts)


def insert_reply(connection: sa.Connection, reply: Reply, **facts: Any) -> int:
    """Stores one reply; `facts` are the columns that the reply itself does not know. Returns its id."""
    row = {
        "model_returned": storable(reply.model_returned),
        "text": storable(reply.text),
        "reasoning": storable(reply.reasoning),
        "finish_reason": storable(reply.finish_reason),
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "reasoning_tokens": reply.reasoning_tokens,
        "cached_tokens": reply.cached_tokens,
        "latency_ms": reply.latency_ms,
        "first_token_ms": reply.first_token_ms,
        "request": json.dumps(dict(reply.sent)),
        "created": now(),
        **facts,
    }
    inserted = connection.execute(replies.insert().values(row)).inserted_primary_key
    assert inserted is not None
    return int(inserted[0])


def _end_cell(connection: sa.Connection, run_id: str, result: CellResult, reply_id: int | None) -> None:
    read = result.answer or Answer("", None, "")
    values = {
        "status": result.status,
        "error": storable(result.error),
        "error_kind": result.error_kind,
        "attempts": cells.c.attempts + result.attempts,
        "reused": result.reused,
        "reply_id": reply_id,
        "reasoning": storable(read.reasoning),
        "answer": None if read.answer is None else storable(read.answer),
        "answer_note": storable(read.note),
    }
    mine = (cells.c.run_id == run_id) & (cells.c.position == result.position)
    connection.execute(cells.update().where(mine).values(values))
    connection.execute(scores.delete().where(scores.c.run_id == run_id, scores.c.position == result.position))
    if result.scores:
        connection.execute(scores.insert(), [_score_row(run_id, result.position, score) for score in result.scores])


def _score_row(run_id: str, position: int, score: Score) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "position": position,
        "check": score.check,
        "value": score.value,
        "passed": score.passed,
        "answer": storable(score.answer),
        "explanation": storable(score.explanation),
    }


def end(database: Database, run_id: str, epoch: int, status: RunStatus, message: str = "") -> None:
    """Ends the run as finished, paused, cancelled or stopped (`message` says why). Raises Fenced."""
    with database.write() as connection:
        _beat(connection, run_id, epoch)
        if status == "cancelled":
            cancel_pending(connection, run_id)
        ended = None if status in ("paused", "queued") else now()
        values = {"status": status, "message": storable(message), "ended": ended}
        connection.execute(runs.update().where(runs.c.id == run_id).values(values))
