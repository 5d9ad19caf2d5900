"""Reads and changes runs: list, follow, rename, delete with undo, and pause, cancel or resume through the status."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from promptgrid.errors import PlanError, StoreError
from promptgrid.grid import Plan
from promptgrid.store.database import Database, now, storable
from promptgrid.store.plans import load_plan
from promptgrid.store.schema import attempts, cases, cells, replies, runs, scores, steps, votes
from promptgrid.store.shared.leases import LEASE_S, silent_s

RunStatus = Literal[
    "planning", "queued", "running", "pausing", "paused", "cancelling", "cancelled", "finished", "stopped"
]
ACTIVE: frozenset[str] = frozenset({"queued", "running", "pausing", "cancelling"})
"""The states in which a runner works on the run, or will. A `stopped` run could not continue; its message says why."""

PENDING = {"status": "pending", "error": "", "error_kind": ""}
"""The values of a cell that is to be sent again."""

_FIGURES = ("spent_usd", "unpriced", "reused", "retried", "calls", "live")
_ENDED_BADLY = ("failed", "refused", "too_long")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run without its cells; `total` is the number of cells. `message` says why a stopped run stopped; `heartbeat` is
    when its runner last wrote; `favourite` and `tags` are a person's marks. `fair_for` is the id of the run whose
    technique this run is compared with for as many tokens ("": none). Times are in seconds since 1970."""

    id: str
    name: str
    note: str
    status: RunStatus
    message: str
    total: int
    created: float
    started: float | None
    ended: float | None
    deleted: float | None
    heartbeat: float | None
    favourite: bool = False
    tags: tuple[str, ...] = ()
    fair_for: str = ""


@dataclass(frozen=True, slots=True)
class PaceSnapshot:
    """The current pace of an endpoint: up to `window` requests may be in flight, never more than `most`, the user's
    limit. `waits_s` is how many seconds the endpoint has told its callers to wait (0: no wait)."""

    window: int
    most: int
    waits_s: float


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The progress of a run: the number of its cells (`total`), of its cells by status (`by_status`), of its reused
    replies (`reused`), of its retries (`retried`) and of its answered calls (`calls`). `errors` counts failed cells by
    kind of error. `spent_usd` is the cost of the replies that this run paid for (None: a price is not known).

    For a run in progress only: `per_second` is the rate of its new replies (0: too few so far), `in_flight` the number
    of calls in flight, and `paces` the pace by endpoint. While a judge or a custom check scores replies, `scored` is
    (scores stored, scores in all).
    """

    total: int
    by_status: dict[str, int]
    reused: int
    retried: int
    spent_usd: float | None
    per_second: float
    in_flight: int
    paces: dict[str, PaceSnapshot]
    errors: dict[str, int]
    scored: tuple[int, int] | None = None
    calls: int = 0

    @property
    def done(self) -> int:
        """Returns the number of cells that have ended with a reply or an error; cancelled cells are not counted."""
        return self.total - self.left - self.by_status.get("cancelled", 0)

    @property
    def left(self) -> int:
        return self.by_status.get("pending", 0)

    @property
    def seconds_left(self) -> float | None:
        """Returns the expected time left in seconds, at the rate of the run's own replies; None before the first
        ones."""
        return self.left / self.per_second if self.per_second else None


def list_runs(
    database: Database, *, deleted: bool = False, favourite: bool = False, tag: str = "", limit: int = 200
) -> list[RunInfo]:
    """Returns at most `limit` runs, newest first: those that are not deleted, or with `deleted` only the deleted ones.
    With `favourite`, only favourites; with `tag`, only runs that have this tag."""
    condition = runs.c.deleted.is_not(None) if deleted else runs.c.deleted.is_(None)
    query = _infos().where(condition, runs.c.status != "planning")
    if favourite:
        query = query.where(runs.c.favourite)
    if tag:
        query = query.where(runs.c.tags.contains(json.dumps(tag, ensure_ascii=False), autoescape=True))
    with database.read() as connection:
        return _read(connection, query, limit)


def active_run(database: Database) -> RunInfo | None:
    """Returns the newest run that is queued or in progress; None when there is none."""
    query = _infos().where(runs.c.status.in_(ACTIVE), runs.c.deleted.is_(None))
    with database.read() as connection:
        return next(iter(_read(connection, query, limit=1)), None)


def find_run(database: Database, ref: str, *, deleted: bool = False) -> RunInfo:
    """Returns the run whose id begins with `ref`; for "last" the newest run, or with `deleted` the one deleted last.
    Raises StoreError when no run or more than one matches."""
    wanted = runs.c.deleted.is_not(None) == deleted if ref == "last" else runs.c.id.startswith(ref, autoescape=True)
    query = _infos().where(runs.c.status != "planning", wanted)
    with database.read() as connection:
        matches = _read(connection, query.order_by(runs.c.deleted.desc()) if deleted else query, limit=2)
    if ref == "last" and not matches:
        hint = "`promptgrid run PROMPT` starts one."
        raise StoreError("No run is deleted." if deleted else "There are no runs yet.", hint="" if deleted else hint)
    if not matches or (len(matches) > 1 and ref != "last"):
        what = "More than one run starts" if matches else "There is no run that starts"
        raise StoreError(f'{what} with "{ref}".', hint="`promptgrid runs` lists them.")
    return matches[0]


def _infos() -> sa.Select[Any]:
    return sa.select(*(runs.c[name] for name in RunInfo.__dataclass_fields__))


def _read(connection: sa.Connection, infos: sa.Select[Any], limit: int) -> list[RunInfo]:
    """Returns the newest `limit` runs of the query `infos`."""
    rows = connection.execute(infos.order_by(runs.c.created.desc()).limit(limit))
    return [RunInfo(**{**row._mapping, "tags": tuple(json.loads(row.tags))}) for row in rows]


def plan_of(database: Database, run_id: str) -> Plan:
    """Returns the run's plan as it was when the run started."""
    return load_plan(database, run_id)


def progress(database: Database, run_id: str) -> RunProgress:
    """Returns the progress of a run. It counts cells by an index and takes the other figures from the run's row, so a
    page may read it every second."""
    mine = cells.c.run_id == run_id
    by_status = sa.select(cells.c.status, sa.func.count()).where(mine).group_by(cells.c.status)
    bad = sa.select(cells.c.error_kind, sa.func.count()).where(mine, cells.c.status.in_(_ENDED_BADLY))
    figures = sa.select(*(runs.c[name] for name in _FIGURES), silent_s.label("silent_s"))
    with database.read() as connection:
        counted = {row[0]: row[1] for row in connection.execute(by_status)}
        errors = {row[0]: row[1] for row in connection.execute(bad.group_by(cells.c.error_kind))}
        row = connection.execute(figures.where(runs.c.id == run_id)).one()
    # Of a run whose runner is gone, or whose machine slept, the figures are old.
    live = json.loads(row.live) if row.silent_s < LEASE_S else {}
    return RunProgress(
        total=sum(counted.values()),
        by_status=counted,
        reused=row.reused,
        retried=row.retried,
        spent_usd=None if row.unpriced else row.spent_usd,
        per_second=live.get("per_second", 0.0),
        in_flight=live.get("in_flight", 0),
        paces={name: PaceSnapshot(**pace) for name, pace in live.get("endpoints", {}).items()},
        errors=errors,
        scored=(scored[0], scored[1]) if (scored := live.get("scored")) else None,
        calls=round(row.calls),
    )


def errors(database: Database, run_id: str, limit: int = 3) -> list[tuple[str, int]]:
    """Returns (error, number of cells) for the `limit` commonest errors of the run's cells. The texts may come from
    endpoints, so they must be shown as plain text."""
    mine = (cells.c.run_id == run_id) & (cells.c.error != "")
    count = sa.func.count().label("count")
    query = sa.select(cells.c.error, count).where(mine).group_by(cells.c.error).order_by(count.desc()).limit(limit)
    with database.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


def ask(database: Database, run_id: str, wanted: Literal["pause", "cancel", "resume"]) -> RunStatus:
    """Sets the run's status so that its runner pauses, cancels or resumes it, and returns the new status. Does nothing
    and returns the present status if that does not allow what is `wanted`."""
    moves: dict[str, dict[str, RunStatus]] = {
        "pause": {"queued": "paused", "running": "pausing"},
        "cancel": {"queued": "cancelled", "running": "cancelling", "pausing": "cancelling", "paused": "cancelled",
                   "stopped": "cancelled"},
        "resume": {"paused": "queued", "stopped": "queued", "cancelled": "queued", "finished": "queued"},
    }  # fmt: skip
    with database.write() as connection:
        status, silence = connection.execute(sa.select(runs.c.status, silent_s).where(runs.c.id == run_id)).one()
        new: RunStatus = moves[wanted].get(status, status)
        if wanted == "resume" and status == "pausing" and silence > LEASE_S:
            new = "queued"  # its runner was killed before it had paused
        if wanted == "resume" and new == "queued":
            queue(connection, run_id)
        elif new != status:
            if new == "cancelled":
                cancel_pending(connection, run_id)
            connection.execute(runs.update().where(runs.c.id == run_id).values(status=new, message=""))
    return new


def queue(connection: sa.Connection, run_id: str, *, again: bool = True) -> None:
    """Sets the run's status to queued, and with `again` its cancelled and failed cells to pending, so that a runner
    sends them again. Restores a deleted run."""
    if again:
        ended = cells.c.status.in_(["cancelled", "failed"])
        connection.execute(cells.update().where(cells.c.run_id == run_id, ended).values(PENDING))
    # Restored if deleted: a run that spends money must be in the list of runs.
    connection.execute(
        runs.update().where(runs.c.id == run_id).values(status="queued", message="", ended=None, deleted=None)
    )


def cancel_pending(connection: sa.Connection, run_id: str) -> None:
    """Sets every pending cell of the run to cancelled."""
    waiting = (cells.c.run_id == run_id) & (cells.c.status == "pending")
    connection.execute(cells.update().where(waiting).values(status="cancelled"))


def replace_plan(connection: sa.Connection, run_id: str, before: str, **values: Any) -> None:
    """Sets the plan and other columns (`values`) of a run that is not active. Raises PlanError if the run's stored plan
    differs from `before` (see `plans.planned_as`), or the run is active."""
    unchanged = (runs.c.id == run_id) & (runs.c.plan == before) & runs.c.status.not_in(ACTIVE)
    if connection.execute(runs.update().where(unchanged).values(values)).rowcount != 1:
        raise PlanError(f"Run {run_id} is active, or was changed in the meantime.", hint="Look at it, and try again.")


def set_limits(database: Database, run_id: str, *, budget: str = "", max_calls: int | None = None) -> None:
    """Replaces the budget of the run (a text such as `2.50usd`; "": unchanged) and its limit of calls (None:
    unchanged). What the run has spent so far counts towards them."""
    limits = {name: value for name, value in {"budget": budget, "max_calls": max_calls}.items() if value}
    with database.write() as connection:
        plan = json.loads(connection.scalars(sa.select(runs.c.plan).where(runs.c.id == run_id)).one())
        changed = json.dumps(plan | limits)
        connection.execute(runs.update().where(runs.c.id == run_id).values(plan=changed))


def change(database: Database, run_id: str, **values: str) -> None:
    """Sets the run's `name`, its `note` or both, given as keyword arguments."""
    _update(database, run_id, **{name: storable(value) for name, value in values.items()})


def delete(database: Database, run_id: str) -> None:
    """Hides the run, and cancels it if it is active. `restore` shows it again, unless `purge` has removed it
    meanwhile."""
    if find_run(database, run_id).status in ACTIVE:
        ask(database, run_id, "cancel")
    _update(database, run_id, deleted=now())


def restore(database: Database, run_id: str) -> None:
    """Shows a deleted run in the list again."""
    _update(database, run_id, deleted=None)


def _update(database: Database, run_id: str, **values: Any) -> None:
    with database.write() as connection:
        connection.execute(runs.update().where(runs.c.id == run_id).values(**values))


def purge(database: Database) -> int:
    """Deletes the deleted runs permanently, with the replies that no other run uses. Returns the number of runs."""
    with database.write() as connection:
        gone: Sequence[str] = connection.scalars(sa.select(runs.c.id).where(runs.c.deleted.is_not(None))).all()
        _remove(connection, gone)
        columns = (cells.c.reply_id, steps.c.reply_id, scores.c.judge_reply_id, votes.c.judge_reply_id)
        referenced = sa.union_all(*(sa.select(column).where(column.is_not(None)) for column in columns))
        connection.execute(replies.delete().where(replies.c.run_id.in_(gone), replies.c.id.not_in(referenced)))
    database.vacuum()
    return len(gone)


def forget(database: Database, run_id: str) -> None:
    """Deletes a run permanently, with its cells and scores. Its replies stay, so that other runs can reuse them."""
    with database.write() as connection:
        _remove(connection, [run_id])


def _remove(connection: sa.Connection, gone: Sequence[str]) -> None:
    for table in (scores, attempts, steps, cells, cases):
        connection.execute(table.delete().where(table.c.run_id.in_(gone)))
    connection.execute(runs.delete().where(runs.c.id.in_(gone)))
