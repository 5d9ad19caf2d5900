"""One pass of judges over a run's replies: alone, written down as a run's own calls are, and noted, so that a pass that
was stopped or killed is gone on with: within its budget, and nothing is asked twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from filelock import FileLock, Timeout

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

Tell = Callable[[int, int], object]

_NOTE_EVERY_S = 0.5
_LOOK_S = 0.3  # who only looks whether it is free holds it for a moment
_END_S = 10.0  # so long Ctrl+C waits for calls under way


@dataclass
class Pass:
    """What is being done, as JSON (`work`), and how far it is: `done` of `total`.

    `since`: replies with a greater id came in it; 0: any reply will do. `before` is what the run had spent when it
    began, for `budget`. One that is begun again with the same work goes on.
    """

    run_id: str
    kind: str
    work: Mapping[str, Any]
    budget: str
    since: int
    before: Cost
    done: int = 0
    total: int = 0
    _noted: float = float("-inf")

    def wall(self, database: Database) -> Wall:
        """Of its budget, with what it has spent already. Raises PlanError."""
        now, before = spent(database, self.run_id), self.before
        wall = Wall(parse_budget(self.budget))
        wall.add(Cost((now.usd or 0) - (before.usd or 0), (now.tokens or 0) - (before.tokens or 0),
                      now.calls - before.calls))  # fmt: skip
        return wall

    def tell(self, done: int, total: int) -> None:
        """Notes how far it is; from one thread."""
        self.done, self.total = done, total
        if time.monotonic() - self._noted > _NOTE_EVERY_S:
            self._noted = time.monotonic()
            self.note()

    def note(self) -> None:
        """Leaves word for whoever comes after. A full disk is told elsewhere."""
        body = {name: value for name, value in asdict(self).items() if not name.startswith("_")}
        with suppress(OSError):
            files.write(_path(self.run_id, self.kind), json.dumps(body).encode())


def left(run_id: str, kind: str) -> Pass | None:
    """The pass of that kind that is under way, or was stopped before its end."""
    try:
        body = json.loads(_path(run_id, kind).read_text(encoding="utf-8"))
        return Pass(**{**body, "before": Cost(**body["before"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def forget(run_id: str, kind: str) -> None:
    """A pass that was stopped is not to be gone on with."""
    _path(run_id, kind).unlink(missing_ok=True)


def lock(run_id: str, *, wait_s: float = 0.0) -> FileLock:
    """Held by the one who judges: two would pay for the same. Raises Timeout when it is not free within that time."""
    return FileLock(_folder() / f"{run_id}.lock", timeout=wait_s, thread_local=False)


def at_work(run_id: str) -> bool:
    """Somebody judges the run's replies now, in whatever process."""
    try:
        with lock(run_id):
            return False
    except Timeout:
        return True


@asynccontextmanager
async def in_turn(database: Database, run_id: str, *, until: Callable[[], bool]) -> AsyncIterator[None]:
    """For the run's own judges: waits for whoever judges its replies already, `until` that makes no sense any more."""
    mine = lock(run_id)
    while not until():
        with suppress(Timeout):
            mine.acquire()
            break
        await asyncio.sleep(_LOOK_S)
    try:
        await asyncio.to_thread(recover, database, run_id, None)
        yield
    finally:
        mine.release()


@contextmanager
def begun(
    database: Database, run_id: str, kind: str, work: Mapping[str, Any], *, budget: str, fresh: bool
) -> Iterator[Pass]:
    """A pass, new or gone on with; its note goes when the block ends well. `fresh`: replies from before do not count.

    Raises PlanError where somebody judges this run already, or for a budget that is none.
    """
    parse_budget(budget)
    try:
        with lock(run_id, wait_s=_LOOK_S):
            recover(database, run_id, None)
            found = left(run_id, kind)
            if found is None or found.work != work:
                found = Pass(run_id, kind, work, budget, since(database, run_id, kind, work, fresh=fresh),
                             spent(database, run_id))  # fmt: skip
            found.budget = budget
            found.note()
            try:
                yield found
            except BaseException:
                found.note()
                raise
            forget(run_id, kind)
    except Timeout:
        raise PlanError(f"The checks of run {run_id} are running already.", hint="Wait until they are done.") from None
    except Fenced:
        raise StoreError(f"The run {run_id} was removed while it was judged; nothing was kept.") from None


def since(database: Database, run_id: str, kind: str, work: Mapping[str, Any], *, fresh: bool) -> int:
    """The id after which the replies come that count in a pass with this work, should it begin now."""
    before = left(run_id, kind)
    if before is not None and before.work == work:
        return before.since
    return stored_replies.newest(database) if fresh else 0


def _path(run_id: str, kind: str) -> Path:
    return _folder() / f"{run_id}.{kind}.json"


def _folder() -> Path:
    found = paths.data_folder() / "checking"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


class JudgingWork(Protocol[T_co]):
    """What a pass carries out."""

    async def run(self) -> T_co:
        """To its end."""

    def halt(self) -> None:
        """Asks nothing more; what is under way comes in."""


def carried_out(database: Database, run_id: str, begin: Callable[[Journal], JudgingWork[T]]) -> T:
    """Blocks until the work is done and all that it wrote is on the disk. Ctrl+C lets calls under way come in first; a
    second one gives them up."""
    at_it: list[JudgingWork[T]] = []
    future = loop.start(_carried_out(database, run_id, begin, at_it))
    try:
        return future.result()
    except KeyboardInterrupt:
        loop.run_sync(_halted(at_it))
        with suppress(Exception):  # what it ended with is not what the user is told about
            future.result(timeout=_END_S)
        raise
    finally:
        future.cancel()


async def _halted(at_it: list[JudgingWork[T]]) -> None:
    for work in at_it:
        work.halt()


async def _carried_out(
    database: Database, run_id: str, begin: Callable[[Journal], JudgingWork[T]], at_it: list[JudgingWork[T]]
) -> T:
    troubles: list[StoreError] = []

    def trouble(error: StoreError) -> None:
        troubles.append(error)
        work.halt()

    journal = Journal(database, run_id, None, lambda: None, trouble)
    work = begin(journal)
    at_it.append(work)
    writing, working = asyncio.create_task(journal.run()), asyncio.create_task(work.run())
    try:
        await asyncio.wait({writing, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()  # unless it is done
        await asyncio.wait({working})
        journal.close()
        await writing  # what has come in is committed, whatever ended the work
    if troubles:
        raise troubles[0]
    return working.result()
