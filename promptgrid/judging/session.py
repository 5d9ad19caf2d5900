"""Keeps judging sessions: in a session, judges score or compare the replies of one run. A run has one session at a
time. Its state is in a file, so that a stopped or killed session is resumed within its budget and no question is sent
twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from filelock import AcquireReturnProxy, FileLock, Timeout

from promptgrid import files, loop, paths
from promptgrid.budget import Cost, Wall, parse_budget
from promptgrid.calls.journal import Journal
from promptgrid.calls.unsaved import recover
from promptgrid.errors import PlanError, StoreError
from promptgrid.store import Database, stored_replies
from promptgrid.store.attempts import spent
from promptgrid.store.commits import Fenced

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

OnProgress = Callable[[int, int], object]
"""A function that is called with (done, total)."""

_SAVE_EVERY_S = 0.5
_LOCK_WAIT_S = 0.3  # `in_progress` holds the lock for a moment to see whether it is free
_END_S = 10.0  # how long Ctrl+C waits for calls in flight


@dataclass
class JudgingSession:
    """A period in which judges work on one run: its `work` as JSON, and its progress, `done` of `total`. A new session
    of the same kind with the same work resumes an unfinished one.

    kind      "check" (scores replies) or "pairs" (compares two replies)
    since     judges' replies with a greater id are reused; 0: all of them
    before    what the run had spent when the session began; `budget` ("2.50usd", "": none) limits what is spent later
    """

    run_id: str
    kind: str
    work: Mapping[str, Any]
    budget: str
    since: int
    before: Cost
    done: int = 0
    total: int = 0
    _saved: float = float("-inf")

    def wall(self, database: Database) -> Wall:
        """Returns the Wall that enforces the session's budget; what the session has already spent counts. Raises
        PlanError if the budget cannot be read."""
        now, before = spent(database, self.run_id), self.before
        wall = Wall(parse_budget(self.budget))
        wall.add(Cost((now.usd or 0) - (before.usd or 0), (now.tokens or 0) - (before.tokens or 0),
                      now.calls - before.calls))  # fmt: skip
        return wall

    def progress(self, done: int, total: int) -> None:
        """Records that `done` of `total` scores or pairs are done, and saves the state at most twice a second. Only one
        thread may call it."""
        self.done, self.total = done, total
        if time.monotonic() - self._saved > _SAVE_EVERY_S:
            self._saved = time.monotonic()
            self.save()

    def save(self) -> None:
        """Writes the session's state to its file. Ignores write errors: the journal reports a full disk."""
        body = {name: value for name, value in asdict(self).items() if not name.startswith("_")}
        with suppress(OSError):
            files.write(_path(self.run_id, self.kind), json.dumps(body).encode())


def unfinished(run_id: str, kind: str) -> JudgingSession | None:
    """Returns the session of that kind ("check" or "pairs") whose file still exists: it is in progress, or was stopped
    before its end. None when there is none."""
    try:
        body = json.loads(_path(run_id, kind).read_text(encoding="utf-8"))
        return JudgingSession(**{**body, "before": Cost(**body["before"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def forget(run_id: str, kind: str) -> None:
    """Deletes the file of the run's stopped session of this kind ("check" or "pairs"), so that it cannot be resumed."""
    _path(run_id, kind).unlink(missing_ok=True)


def lock(run_id: str, *, wait_s: float = 0.0) -> FileLock:
    """Returns the file lock that lets only one session at a time work on the run. Acquiring it raises Timeout after
    `wait_s`, and StoreError where the file cannot be written."""
    return _SessionLock(_folder() / f"{run_id}.lock", timeout=wait_s, thread_local=False)


class _SessionLock(FileLock):
    """A file lock that raises StoreError where its file cannot be written."""

    def acquire(self, *arguments: Any, **options: Any) -> AcquireReturnProxy:
        with paths.writing(Path(self.lock_file)):
            try:
                return super().acquire(*arguments, **options)
            except Timeout as error:  # an OSError too
                timeout = error
        raise timeout


def in_progress(run_id: str) -> bool:
    """Returns whether any process is working on a session of the run now."""
    try:
        with lock(run_id):
            return False
    except Timeout:
        return True


@asynccontextmanager
async def turn(database: Database, run_id: str, *, until: Callable[[], bool]) -> AsyncIterator[None]:
    """Holds the session lock of the run while the block runs: there, the judges of a run in progress work. Waits until
    the lock is free. Before each try it calls `until`; once `until` returns true, the block runs without the lock."""
    own = lock(run_id)
    while not until():
        with suppress(Timeout):
            own.acquire()
            break
        await asyncio.sleep(_LOCK_WAIT_S)
    try:
        await asyncio.to_thread(recover, database, run_id, None)
        yield
    finally:
        own.release()


@contextmanager
def start(
    database: Database, run_id: str, kind: str, work: Mapping[str, Any], *, budget: str, fresh: bool
) -> Iterator[JudgingSession]:
    """Starts a session of the kind "check" or "pairs", or resumes an unfinished one of the same kind with the same
    work. The session's file is removed when the block ends without an error. With `fresh`, a new session reuses no
    earlier replies of judges.

    Raises PlanError if a session of the run is in progress or the budget cannot be read, StoreError if the run is
    removed meanwhile.
    """
    parse_budget(budget)
    try:
        with lock(run_id, wait_s=_LOCK_WAIT_S):
            recover(database, run_id, None)
            session = unfinished(run_id, kind)
            if session is None or session.work != work:
                after = since(database, run_id, kind, work, fresh=fresh)
                session = JudgingSession(run_id, kind, work, budget, after, spent(database, run_id))
            session.budget = budget
            session.save()
            try:
                yield session
            except BaseException:
                session.save()
                raise
            forget(run_id, kind)
    except Timeout:
        raise PlanError(f"The checks of run {run_id} are running already.", hint="Wait until they are done.") from None
    except Fenced:
        raise StoreError(f"The run {run_id} was removed while it was judged; nothing was stored.") from None


def since(database: Database, run_id: str, kind: str, work: Mapping[str, Any], *, fresh: bool) -> int:
    """Returns the reply id after which a session that starts now reuses judges' stored replies: the `since` of the
    unfinished session of this kind ("check" or "pairs") with the same work if there is one; else, with `fresh`, the id
    of the newest stored reply (none is reused), otherwise 0 (all are)."""
    before = unfinished(run_id, kind)
    if before is not None and before.work == work:
        return before.since
    return stored_replies.newest(database) if fresh else 0


def _path(run_id: str, kind: str) -> Path:
    return _folder() / f"{run_id}.{kind}.json"


def _folder() -> Path:
    path = paths.data_folder() / "checking"
    with paths.writing(path):
        path.mkdir(mode=0o700, exist_ok=True)
    return path


class JudgingTask(Protocol[T_co]):
    """The work that a session carries out, such as judging pairs; `run` returns its result."""

    async def run(self) -> T_co:
        """Does the work and returns its result; returns early after `halt`."""

    def halt(self) -> None:
        """Stops sending; calls in flight still end."""


def run_task(database: Database, run_id: str, create: Callable[[Journal], JudgingTask[T]]) -> T:
    """Runs the task that `create` makes from the Journal in which the task stores replies; returns the task's result.
    Blocks until everything that the task wrote is on disk. Ctrl+C stops the task and waits for the calls in flight; a
    second Ctrl+C abandons them."""
    tasks: list[JudgingTask[T]] = []
    future = loop.start(_run(database, run_id, create, tasks))
    try:
        return future.result()
    except KeyboardInterrupt:
        for task in tasks:
            loop.background().call_soon_threadsafe(task.halt)
        with suppress(Exception):  # Ctrl+C is reported, not the errors that follow from it
            future.result(timeout=_END_S)
        raise
    finally:
        future.cancel()


async def _run(
    database: Database, run_id: str, create: Callable[[Journal], JudgingTask[T]], tasks: list[JudgingTask[T]]
) -> T:
    errors: list[StoreError] = []

    def on_trouble(error: StoreError) -> None:
        errors.append(error)
        task.halt()

    journal = Journal(database, run_id, None, lambda: None, on_trouble)
    task = create(journal)
    tasks.append(task)
    writing, working = asyncio.create_task(journal.run()), asyncio.create_task(task.run())
    try:
        await asyncio.wait({writing, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()  # has no effect if the task is done
        await asyncio.wait({working})
        journal.close()
        await writing  # commits the replies received so far, whatever ended the task
    if errors:
        raise errors[0]
    return working.result()
