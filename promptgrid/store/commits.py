"""The runner's writes to a run: claim the run, read its pending cells, commit outcomes, end the run.

Every write carries the epoch of the claim, which is checked in the same transaction. A runner that has lost the run
(because the laptop slept, or another runner took over) gets `Fenced` and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from promptgrid.answers import Answer, ballot
from promptgrid.endpoint import Reply
from promptgrid.grading import Score
from promptgrid.prompt.tools import calls_json
from promptgrid.store import attempts
from promptgrid.store.attempts import Attempt
from promptgrid.store.database import Database, Row, next_ids, now, storable, write_many
from promptgrid.store.dialects.sql import DatabaseTime
from promptgrid.store.documents.retrieved import CellContext, insert_found
from promptgrid.store.runs import ACTIVE, RunStatus, cancel_pending
from promptgrid.store.schema import cells, replies, runs, scores
from promptgrid.store.scores import score_row
from promptgrid.store.shared.leases import is_free
from promptgrid.store.steps import StepRecord, insert_steps, sum_up
from promptgrid.store.stored_replies import lots


class Fenced(Exception):
    """This process has lost the run: another one has claimed it, or it was removed. The process that gets this error
    must stop writing."""


class CellName(NamedTuple):
    """What identifies a cell within its run. Its position is not a part, so that the cell is found again when the plan
    has grown."""

    key: str
    sample: int
    prompt: str
    prompt_version: str
    technique: str
    case_position: int
    endpoint: str
    model: str
    retrieval: str = ""


@dataclass(frozen=True, slots=True)
class ReplyOrigin:
    """The call that a reply came from: the columns of a stored reply that the reply itself does not have.

    key, sample    the key and sample number under which the reply is stored
    kind           run, try, judge, embedding, or look (a look at the next tokens)
    run_id         the run that paid for the reply; None: no run did
    batch          the number of replies that the call brought
    cost_usd       the price of this reply; None: not known
    honoured       JSON object: parameter -> whether the model is known to take it (null: not known)
    """

    key: str
    kind: str
    endpoint: str
    model: str
    cost_usd: float | None
    sample: int = 0
    run_id: str | None = None
    batch: int = 1
    honoured: str = "{}"


@dataclass(frozen=True, slots=True)
class CellResult:
    """The result of the cell at `position`: the answer read from its reply and its scores, or its error. `reused` is
    true if the reply was not sent for this run."""

    position: int
    status: str
    answer: Answer | None = None
    scores: Sequence[Score] = ()
    error: str = ""
    error_kind: str = ""
    attempts: int = 0
    reused: bool = False


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """How a cell ended: with a new reply (`reply`, a row of `reply_row`), with a stored one (`reply_id`), or with an
    error and no reply (both None). The reply of a `stepped` cell, which made several calls, is that of the call with
    the number `output` (None: it failed)."""

    result: CellResult
    reply: Row | None = None
    reply_id: int | None = None
    stepped: bool = False
    output: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The writes of one commit. `outcomes` are cells that have ended, `replies` rows of replies that no cell shows yet,
    `steps` calls of cells that make several, `attempts` failed attempts, `settled` ids from `commit` of calls which
    have ended, `retried` the number of new retries, `live` figures to show (None: unchanged), `found` passages."""

    outcomes: Sequence[CellOutcome] = ()
    replies: Sequence[Row] = ()
    steps: Sequence[StepRecord] = ()
    attempts: Sequence[Attempt] = ()
    settled: Sequence[int] = ()
    retried: int = 0
    live: Mapping[str, Any] | None = None
    found: Sequence[CellContext] = ()


def waiting_runs(database: Database) -> list[str]:
    """Returns the ids of the runs without a living runner, oldest first. The caller must hold the runner lock."""
    left_behind = runs.c.status.in_(ACTIVE) & is_free(database)
    with database.read() as connection:
        return list(connection.scalars(sa.select(runs.c.id).where(left_behind).order_by(runs.c.created)))


def claim(database: Database, run_id: str, *, by_force: bool = True) -> int:
    """Makes this process the run's only writer; returns the new epoch, which every later write must name. Without
    `by_force`, raises Fenced if a living process has the run."""
    with database.write() as connection:
        mine = runs.update().where(runs.c.id == run_id)
        free = mine if by_force else mine.where(is_free(database))
        if not connection.execute(free.values(epoch=runs.c.epoch + 1, heartbeat=DatabaseTime(), live="{}")).rowcount:
            raise Fenced(run_id)
        connection.execute(mine.where(runs.c.status == "queued").values(status="running"))
        connection.execute(mine.where(runs.c.started.is_(None)).values(started=now()))
        return int(connection.scalars(sa.select(runs.c.epoch).where(runs.c.id == run_id)).one())


def status_and_epoch(database: Database, run_id: str) -> tuple[RunStatus, int]:
    """Returns the run's status, which a user may have changed, and its epoch, that of the latest claim."""
    with database.read() as connection:
        row = connection.execute(sa.select(runs.c.status, runs.c.epoch).where(runs.c.id == run_id)).one()
    return row.status, row.epoch


def pending_count(database: Database, run_id: str) -> int:
    with database.read() as connection:
        mine = (cells.c.run_id == run_id) & (cells.c.status == "pending")
        return int(connection.scalar(sa.select(sa.func.count()).where(mine)) or 0)


def pending(database: Database, run_id: str, of_cases: Sequence[int], keys: Sequence[str]) -> dict[CellName, int]:
    """Returns the positions of the run's pending cells by CellName: of cases at `of_cases`, with one of the `keys`."""
    columns = [cells.c[name] for name in CellName._fields]
    query = sa.select(*columns, cells.c.position).where(cells.c.run_id == run_id, cells.c.status == "pending")
    mine = [(cells.c.case_position.in_(some), cells.c.key.in_(lot)) for some in lots(of_cases) for lot in lots(keys)]
    with database.read() as connection:
        return {CellName(*row[:-1]): row[-1] for one in mine for row in connection.execute(query.where(*one))}


def commit(
    database: Database, run_id: str, epoch: int | None, group: Group, calls: Sequence[Attempt] = ()
) -> list[int]:
    """Stores replies, cells, scores and attempts in one transaction, before they are shown. Raises Fenced if the run
    was removed, or another process has claimed it, which gave it another epoch.

    `calls` are attempts about to be sent, whose possible cost is stored first; returns an id for each of them. If
    `epoch` is None, the run only has to exist: judges work on runs that are not in progress.
    """
    with database.write() as connection:
        _update_run(connection, run_id, epoch, group)
        if group.settled:
            attempts.settle(connection, group.settled)
        _insert_outcomes(connection, run_id, group)
        insert_found(connection, run_id, group.found)
        ids = attempts.insert(connection, run_id, [*calls, *group.attempts]) if calls or group.attempts else []
        return ids[: len(calls)]


def _update_run(connection: sa.Connection, run_id: str, epoch: int | None, group: Group) -> None:
    """Adds the group's new costs, calls, reused and retried replies to the run's counts, and stores a heartbeat. Raises
    Fenced if the run has another epoch, or was removed."""
    new = _new_replies(group)
    prices = [row["cost_usd"] for row in new]
    added = {
        "spent_usd": sum(price for price in prices if price is not None),
        "unpriced": prices.count(None),
        "reused": sum(outcome.result.reused for outcome in group.outcomes),
        "retried": group.retried,
        "calls": sum(1 / row["batch"] for row in new),
    }
    values: dict[str, Any] = {name: runs.c[name] + number for name, number in added.items() if number}
    if group.live is not None:
        values["live"] = json.dumps(group.live)
    _beat(connection, run_id, epoch, **values)


def beat(database: Database, run_id: str, epoch: int, live: Mapping[str, Any]) -> None:
    """Stores a heartbeat and the `live` figures of the run. Raises Fenced if the run no longer has this `epoch`,
    because another process has claimed it, or if the run was removed."""
    with database.touch() as connection:
        _beat(connection, run_id, epoch, live=json.dumps(live))


def _beat(connection: sa.Connection, run_id: str, epoch: int | None, **values: Any) -> None:
    mine = runs.update().where(runs.c.id == run_id)
    if epoch is None:
        mine = mine.values(epoch=runs.c.epoch)  # no values may change: only tests whether the run exists
    else:
        mine = mine.where(runs.c.epoch == epoch).values(heartbeat=DatabaseTime())
    if connection.execute(mine.values(values)).rowcount != 1:
        raise Fenced(run_id)


def _new_replies(group: Group) -> list[Row]:
    return [*(outcome.reply for outcome in group.outcomes if outcome.reply is not None), *group.replies]


def _insert_outcomes(connection: sa.Connection, run_id: str, group: Group) -> None:
    """Stores the new replies of the group, and of each ended cell its status, answer or error, and scores. Uses one
    statement per table: at thousands of replies a second, statements cost most."""
    new = _new_replies(group)
    ids = next_ids(connection, replies.c.id, len(new))
    write_many(connection, _INSERT_REPLY, [{**row, "id": id_} for id_, row in zip(ids, new, strict=True)])
    unused = iter(ids)
    ends = [_cell_end(run_id, o.result, o.reply_id if o.reply is None else next(unused)) for o in group.outcomes]
    write_many(connection, _END_CELL, ends)
    insert_steps(connection, run_id, group.steps, {id(row): id_ for id_, row in zip(ids, new, strict=True)})
    sum_up(connection, run_id, {o.result.position: o.output for o in group.outcomes if o.stepped})
    scored = [score_row(run_id, o.result.position, score) for o in group.outcomes for score in o.result.scores]
    write_many(connection, _INSERT_SCORE, scored)


def insert_reply(connection: sa.Connection, row: Row) -> int:
    """Stores one reply (a row of `reply_row`) and returns its id."""
    return int(connection.execute(replies.insert().values(row).returning(replies.c.id)).scalar_one())


_MEASURED = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "latency_ms", "first_token_ms")


def reply_row(reply: Reply, origin: ReplyOrigin) -> Row:
    """Returns the reply and its origin as a row of the table of replies, without an id."""
    return {
        **{name: getattr(origin, name) for name in ReplyOrigin.__slots__},
        "seed": reply.sent.get("seed"),
        "model_returned": storable(reply.model_returned),
        "text": storable(reply.text),
        "chars": len(reply.text),
        "reasoning": storable(reply.reasoning),
        "finish_reason": storable(reply.finish_reason),
        **{name: getattr(reply, name) for name in _MEASURED},
        "tool_calls": calls_json(reply.tool_calls),
        "request": json.dumps(dict(reply.sent)),
        "created": now(),
        "beams_json": json.dumps([asdict(beam) for beam in reply.beams]) if reply.beams else None,
    }


_INSERT_REPLY, _INSERT_SCORE = replies.insert(), scores.insert()
_END_CELL = (
    cells.update()
    .where(cells.c.run_id == sa.bindparam("of_run"), cells.c.position == sa.bindparam("at"))
    .values(
        attempts=cells.c.attempts + sa.bindparam("attempted"),
        **{name: sa.bindparam(f"new_{name}") for name in
           ("status", "error", "error_kind", "reused", "reply_id", "reasoning", "answer", "ballot", "answer_note")},
    )
)  # fmt: skip


def _cell_end(run_id: str, result: CellResult, reply_id: int | None) -> dict[str, Any]:
    answer = result.answer or Answer("", None, "")
    return {
        "of_run": run_id,
        "at": result.position,
        "attempted": result.attempts,
        "new_status": result.status,
        "new_error": storable(result.error),
        "new_error_kind": result.error_kind,
        "new_reused": result.reused,
        "new_reply_id": reply_id,
        "new_reasoning": storable(answer.reasoning),
        "new_answer": None if answer.answer is None else storable(answer.answer),
        "new_ballot": ballot(answer.answer),
        "new_answer_note": storable(answer.note),
    }


def end(database: Database, run_id: str, epoch: int, status: RunStatus, message: str = "") -> None:
    """Ends the run in the status finished, paused, cancelled or stopped; `message` says why it was stopped. Raises
    Fenced if the run has another epoch: another process has claimed it."""
    with database.write() as connection:
        _beat(connection, run_id, epoch, live="{}")
        if status == "cancelled":
            cancel_pending(connection, run_id)
        ended = None if status in ("paused", "queued") else now()
        values = {"status": status, "message": storable(message), "ended": ended}
        connection.execute(runs.update().where(runs.c.id == run_id).values(values))
