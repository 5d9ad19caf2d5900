"""Carries one run out: what is stored is reused, the rest is sent, every reply is committed before anybody sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from promptgrid.budget import BudgetReached, Wall, parse_budget
from promptgrid.calls.batch import Batch
from promptgrid.calls.call import Halted
from promptgrid.calls.feed import Feed
from promptgrid.calls.journal import Journal, JournalEntry
from promptgrid.calls.pace import Pace
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.sender import Sender
from promptgrid.calls.shared import shared_by_loop
from promptgrid.calls.unsaved import recover
from promptgrid.connections import split_model
from promptgrid.endpoint import Endpoint
from promptgrid.errors import PlanError, PromptgridError, StoreError
from promptgrid.grading import CheckSpec
from promptgrid.judging import session
from promptgrid.judging.model_calls import Connect, JudgingContext
from promptgrid.judging.scoring import Scoring, slow_checks
from promptgrid.runner.notify import notify
from promptgrid.store import Database, commits
from promptgrid.store.attempts import spent
from promptgrid.store.commits import Fenced
from promptgrid.store.plans import decided_of
from promptgrid.store.runs import RunStatus, find_run, plan_of, progress

T = TypeVar("T")

_WATCH_S = 0.25
_BEAT_S = 1.0
_OTHERS_S = 0.5
_FAILURES = 4  # of the database in a row: then nothing more is sent
_SURE_S = 0.5  # so old the last look at the run's epoch may be when a call is sent

_ENDS: Mapping[RunStatus, RunStatus] = {
    "pausing": "paused",
    "paused": "paused",
    "cancelling": "cancelled",
    "cancelled": "cancelled",
}
"""What is asked of a run while it works, and the state that it then ends in."""


async def carry_out(database: Database, run_id: str, *, connect: Connect) -> RunStatus:
    """Works on the run until it is finished, paused, cancelled or cannot go on; returns the state it ends in.

    Raises Fenced when another runner has taken the run over, StoreError when nothing can be written any more.
    """
    epoch = await asyncio.to_thread(commits.claim, database, run_id)
    await asyncio.to_thread(recover, database, run_id, epoch)  # paid for, whatever is asked of the run now
    asked, _ = await asyncio.to_thread(commits.status_and_epoch, database, run_id)
    if asked != "running":  # somebody was quicker than the runner
        ended = _ENDS.get(asked, asked)
        if ended != asked:
            await asyncio.to_thread(commits.end, database, run_id, epoch, ended)
        return ended
    run = _Run(database, run_id, epoch)
    try:
        status, message = await run.until_done(connect)
    except PromptgridError as error:
        status, message = "stopped", str(error)
    await asyncio.to_thread(commits.end, database, run_id, epoch, status, message)
    if status in ("finished", "stopped"):  # not what somebody asked for a moment ago
        await asyncio.to_thread(_notify, database, run_id)
    return status


def _notify(database: Database, run_id: str) -> None:
    notify(find_run(database, run_id), progress(database, run_id))


class _Run:
    def __init__(self, database: Database, run_id: str, epoch: int) -> None:
        self.database, self.id, self.epoch, self.shared = database, run_id, epoch, shared_by_loop()
        self.journal = Journal(database, run_id, epoch, self._live, self._stop)
        self.working: set[asyncio.Task[Any]] = set()
        self.paces: dict[str, Pace] = {}
        self.feeds: list[Feed] = []
        self.looked_at = time.time()
        self.why_stopped = ""
        self.scoring: Scoring | None = None

    async def until_done(self, connect: Connect) -> tuple[RunStatus, str]:
        """The state that the run ends in, and why if it did not simply finish."""
        self.connect = connect
        self.plan = await asyncio.to_thread(plan_of, self.database, self.id)
        self.decided = await asyncio.to_thread(decided_of, self.database, self.id)
        names = dict.fromkeys(split_model(ref)[0] for ref in self.plan.models)
        self.endpoints = {name: connect(name) for name in names}
        wall = Wall(parse_budget(self.plan.budget))
        wall.add(await asyncio.to_thread(spent, self.database, self.id))
        self.job = RunContext(self.id, wall, self.journal, self._still_ours, retries=self.plan.retries)
        self.sender = Sender(self.job)
        writing = asyncio.create_task(self.journal.run())
        sending = asyncio.create_task(self._send_everything())
        asked = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({sending, asked, writing}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                await _cancelled(sending)
            self.journal.close()
            await writing  # what has come in is committed, whatever ended the sending
        finally:
            await _cancelled(asked, sending, writing)
            for feed in self.feeds:
                feed.release()  # not before: what came in has to be found by who asks next
        if asked.done() and not asked.cancelled() and (error := asked.exception()):
            raise error
        if sending.cancelled():
            return asked.result(), ""
        return await self._ended(sending.result())

    async def _ended(self, found: int) -> tuple[RunStatus, str]:
        left = await asyncio.to_thread(commits.pending_count, self.database, self.id)
        unscored = self.scoring is not None and (self.scoring.halted or self.job.halted)
        if (left or unscored) and self.job.halted:
            return ("stopped", self.why_stopped) if self.why_stopped else ("paused", "")
        if left:
            # The key holds the base URL: what was planned for one server must not go to another.
            raise PlanError(
                f"{left:,} cells are not what was planned, {found:,} were: an endpoint's base URL, the built-in model's"
                " weights or what is known of a model have changed since.",
                hint="Set them back and resume, or start a new run.",
            )
        return "finished", ""

    async def _send_everything(self) -> int:
        """Every endpoint at its own pace, side by side; then what scores replies when they are there. Returns how many
        cells were found again."""
        found = sum(await _together([self._serve(endpoint) for endpoint in self.endpoints.values()]), start=0)
        if slow := slow_checks(self.plan):
            await self._score(slow)
        return found

    async def _score(self, checks: Sequence[CheckSpec]) -> None:
        job = self.job
        judging = JudgingContext(
            self.database, self.id, self.connect, self.shared, job.wall, self.journal, self._still_ours,
            self.plan.concurrency,
        )  # fmt: skip
        self.scoring = Scoring(judging, self.plan, checks)
        try:
            async with session.turn(self.database, self.id, until=lambda: self.job.halted):
                if not self.job.halted:
                    await self.scoring.run()
        except BudgetReached as reached:
            self._stop(reached)

    async def _serve(self, endpoint: Endpoint) -> int:
        """All cells of one endpoint's models. Again, as long as cells were waiting for another cell's reply."""
        await endpoint.prepare()
        refs = [ref for ref in self.plan.models if split_model(ref)[0] == endpoint.name]
        most = self._most(endpoint)
        case_positions = {case.id: position for position, case in enumerate(self.plan.cases)}
        in_flight = set() if self.plan.fresh else self.shared.in_flight
        matched = 0
        while True:
            feed = Feed(self.database, self.id, self.plan, endpoint, refs, self.decided, case_positions, in_flight)
            self.feeds.append(feed)
            with self.shared.pace(endpoint, most) as pace:
                self.paces[endpoint.name] = pace
                await self._pass(feed, endpoint, pace, most)
            await self.journal.flush()
            claimed = len(feed.claimed)
            feed.release()
            matched += feed.matched - feed.duplicates
            if not feed.duplicates or self.job.halted:
                return matched
            if not claimed:  # another run is asking for what is left
                await asyncio.sleep(_OTHERS_S)

    def _most(self, endpoint: Endpoint) -> int:
        """The endpoint's own limit, or the plan's where the endpoint allows more than one at a time; one, where more
        would cost what the plan asks for: the same reply to the same seed, or at temperature 0."""
        own: tuple[Any, ...] = tuple(prompt.parameters.temperature for prompt in self.plan.prompts)
        temperatures = self.plan.temperatures or own
        repeats = self.plan.parameters.seed is not None or 0 in temperatures
        if endpoint.concurrency == 1 or (repeats and not endpoint.parallel_repeats):
            return 1
        return self.plan.concurrency or endpoint.concurrency

    async def _pass(self, feed: Feed, endpoint: Endpoint, pace: Pace, most: int) -> None:
        queue: asyncio.Queue[Batch | None] = asyncio.Queue(2 * most)
        # Twice as many as may be in flight: some wait before they try again, and with a budget one waits for the disk.
        workers = 1 if most == 1 else 2 * most
        tasks = [asyncio.create_task(self._feed(feed, queue, workers))]
        tasks += [asyncio.create_task(self._work(queue, endpoint, pace)) for _ in range(workers)]
        self.working.update(tasks)
        try:
            await _together(tasks)
        finally:
            self.working.difference_update(tasks)

    async def _feed(self, feed: Feed, queue: asyncio.Queue[Batch | None], workers: int) -> None:
        chunks = feed.chunks()
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None and not self.job.halted:
            claimed = feed.claim(chunk)
            shown, batches = await asyncio.to_thread(feed.look_up, claimed) if claimed else ([], [])
            if shown:
                self.journal.write(JournalEntry(shown.copy))
            for batch in batches:
                await queue.put(batch)
        for _ in range(workers):
            await queue.put(None)

    async def _work(self, queue: asyncio.Queue[Batch | None], endpoint: Endpoint, pace: Pace) -> None:
        while not self.job.halted and (batch := await queue.get()) is not None:
            try:
                await self.sender.send(endpoint, pace, batch)
            except BudgetReached as reached:  # calls in flight are paid for: they come in, nothing follows them
                self._stop(reached)
            except Halted:
                break

    def _stop(self, why: Exception) -> None:
        self.why_stopped = str(why)
        self._halt()

    def _halt(self) -> None:
        """Nothing more is sent; the calls in flight are paid for, perhaps, and come in."""
        if not self.job.halted:
            self.job.halted = True
            if self.scoring is not None:
                self.scoring.halt()
            asyncio.get_running_loop().call_soon(self._end_idle)

    def _end_idle(self) -> None:
        for task in self.working - self.job.in_flight:
            task.cancel()

    async def _still_ours(self) -> None:
        """Looks at the epoch, unless it was looked at just now by a clock that runs on while the machine sleeps."""
        if abs(time.time() - self.looked_at) > _SURE_S:
            try:
                await self._look()
            except StoreError as error:
                self._stop(error)

    async def _look(self) -> RunStatus:
        status, epoch = await asyncio.to_thread(commits.status_and_epoch, self.database, self.id)
        if epoch != self.epoch:
            raise Fenced(self.id)
        self.looked_at = time.time()
        return status

    async def _watch(self) -> RunStatus:
        """Returns when somebody asks for an end at once: the state to end in. Raises Fenced."""
        beaten_at, failures = 0.0, 0
        while True:
            try:
                status = await self._look()
                if time.monotonic() - beaten_at > _BEAT_S:
                    await asyncio.to_thread(commits.beat, self.database, self.id, self.epoch, self._live())
                    beaten_at = time.monotonic()
                failures = 0
            except StoreError as error:  # it may pass; if not, the journal may still get written what is in flight
                failures += 1
                if failures == _FAILURES:
                    self._stop(error)
            else:
                if status == "pausing":
                    self._halt()
                elif status in _ENDS:
                    return _ENDS[status]
            await asyncio.sleep(_WATCH_S)

    def _live(self) -> dict[str, Any]:
        """What a looker-on wants to know of a run in progress."""
        return {
            "per_second": round(self.journal.per_second, 2),
            "in_flight": len(self.job.in_flight),
            "endpoints": {name: pace.figures() for name, pace in self.paces.items()},
            "scored": None if self.scoring is None else [self.scoring.done, self.scoring.total],
        }


async def _together(work: Sequence[Coroutine[Any, Any, T] | asyncio.Task[T]]) -> list[T]:
    """The results of all of it, but for tasks that were cancelled; the first error ends the rest and is raised as it is
    (a TaskGroup would wrap it)."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await _cancelled(*tasks)
    return [task.result() for task in tasks if not task.cancelled()]


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancels the tasks and waits until they have ended; what a task raised stays in it."""
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait(tasks)
