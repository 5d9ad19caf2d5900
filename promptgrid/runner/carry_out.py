"""Carries out one run: reuses stored replies, sends the other calls, and commits every reply before it is shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from promptgrid import loop
from promptgrid.budget import BudgetReached, Wall, parse_budget
from promptgrid.calls.call import Halted
from promptgrid.calls.feed import Feed, Payload, SteppedCell
from promptgrid.calls.journal import Journal, JournalEntry
from promptgrid.calls.pace import Pace
from promptgrid.calls.run_context import RunContext, most_in_flight
from promptgrid.calls.sender import Sender
from promptgrid.calls.shared import shared_by_loop
from promptgrid.calls.stepped import CellSteps, InFlightElsewhere
from promptgrid.calls.unsaved import recover, recover_others
from promptgrid.connections import split_model
from promptgrid.documents.contexts import searching
from promptgrid.documents.embedders import QueryVectors
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
_OTHER_RUN_S = 0.5
_FAILURES = 4  # sending stops after this many database failures in a row
_EPOCH_S = 0.5  # a call is sent only if the run's epoch was read within this time

_ENDS: Mapping[RunStatus, RunStatus] = {"pausing": "paused", "paused": "paused", "cancelling": "cancelled",
                                        "cancelled": "cancelled"}  # fmt: skip
"""The state in which a run ends, by the state requested while it is in progress."""


async def carry_out(database: Database, run_id: str, *, connect: Connect) -> RunStatus:
    """Works on the run until it ends or cannot continue; returns its final status. `connect` returns the Endpoint of a
    name. Raises Fenced when another runner has taken over the run, StoreError when nothing can be written."""
    in_progress = shared_by_loop().run_ids
    in_progress.add(run_id)
    try:
        return await _carry_out(database, run_id, connect, in_progress)
    finally:
        in_progress.discard(run_id)


async def _carry_out(database: Database, run_id: str, connect: Connect, in_progress: Collection[str]) -> RunStatus:
    epoch = await asyncio.to_thread(commits.claim, database, run_id, by_force=False)
    # First, since these replies are paid for; those of other runs may be ones that this run needs
    await asyncio.to_thread(recover, database, run_id, epoch)
    await asyncio.to_thread(recover_others, database, in_progress)
    requested, _ = await asyncio.to_thread(commits.status_and_epoch, database, run_id)
    if requested != "running":  # the run was paused or cancelled before the runner claimed it
        ended = _ENDS.get(requested, requested)
        if ended != requested:
            await asyncio.to_thread(commits.end, database, run_id, epoch, ended)
        return ended
    run = _Run(database, run_id, epoch)
    try:
        status, message = await run.until_done(connect)
    except PromptgridError as error:
        status, message = "stopped", str(error)
    await asyncio.to_thread(commits.end, database, run_id, epoch, status, message)
    if status in ("finished", "stopped"):  # a pause or cancellation by the user needs no notification
        await asyncio.to_thread(lambda: notify(find_run(database, run_id), progress(database, run_id)))
    return status


class _Run:
    def __init__(self, database: Database, run_id: str, epoch: int) -> None:
        self.database, self.id, self.epoch, self.shared = database, run_id, epoch, shared_by_loop()
        self.journal = Journal(database, run_id, epoch, self._live, self._stop)
        self.working: set[asyncio.Task[Any]] = set()
        self.paces: dict[str, Pace] = {}
        self.feeds: list[Feed] = []
        self.epoch_read_at, self.reading = time.time(), asyncio.Lock()
        self.why_stopped = ""
        self.scoring: Scoring | None = None

    async def until_done(self, connect: Connect) -> tuple[RunStatus, str]:
        """Works on the run until it ends; returns (its final status, the reason: "" unless it was stopped). `connect`
        returns the Endpoint for an endpoint's name. Raises the error that ended the run."""
        self.connect = connect
        self.plan = searching(await asyncio.to_thread(plan_of, self.database, self.id), self.database, self.id)
        self.decided = await asyncio.to_thread(decided_of, self.database, self.id)
        self.endpoints = {name: connect(name) for name in self.plan.endpoint_names}
        wall = Wall(parse_budget(self.plan.budget), self.plan.max_calls)
        wall.add(await asyncio.to_thread(spent, self.database, self.id))
        self.context = RunContext(self.id, wall, self.journal, self._still_ours, retries=self.plan.retries)
        self.sender = Sender(self.context)
        self.vectors = QueryVectors(self.database, self.sender, connect)
        writing = asyncio.create_task(self.journal.run())
        sending = asyncio.create_task(self._send_everything())
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({sending, watching, writing}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                await loop.cancel(sending)
            self.journal.close()
            await writing  # commits the replies received so far, whatever ended the sending
        finally:
            await loop.cancel(watching, sending, writing)
            for feed in self.feeds:
                feed.release()  # after the commit, so that another run finds the replies
        if watching.done() and not watching.cancelled() and (error := watching.exception()):
            raise error
        if sending.cancelled():
            return watching.result(), ""
        return await self._ended(sending.result())

    async def _ended(self, matched: int) -> tuple[RunStatus, str]:
        left = await asyncio.to_thread(commits.pending_count, self.database, self.id)
        unscored = self.scoring is not None and (self.scoring.halted or self.context.halted)
        if (left or unscored) and self.context.halted:
            return ("stopped", self.why_stopped) if self.why_stopped else ("paused", "")
        if left:
            # The key contains the base URL: a cell planned for one server must not be sent to another.
            raise PlanError(
                f"{left:,} pending cells differ from the plan, {matched:,} match it: an endpoint's base URL, the"
                " built-in model's weights or the facts about a model have changed since the run was planned.",
                hint="Set them back and resume, or start a new run.",
            )
        return "finished", ""

    async def _send_everything(self) -> int:
        """Sends the run's cells to all endpoints in parallel, then runs the slow checks. Returns how many pending cells
        match a request of the plan; others, such as those planned for an earlier base URL, are not sent."""
        await loop.gather([endpoint.prepare() for endpoint in self.endpoints.values()])
        most = {name: most_in_flight(self.plan, endpoint) for name, endpoint in self.endpoints.items()}
        for name, endpoint in self.endpoints.items():  # a step of a chain may ask any of them at once
            self.paces[name] = self.shared.paces.setdefault(endpoint.identity, Pace(most[name]))
        matched = sum(await loop.gather([self._serve(self.endpoints[name], most[name]) for name in most]), start=0)
        if slow := slow_checks(self.plan):
            await self._score(slow)
        return matched

    async def _score(self, checks: Sequence[CheckSpec]) -> None:
        judging = JudgingContext(
            self.database, self.id, self.connect, self.shared, self.context.wall, self.journal, self._still_ours,
            self.plan.concurrency, self.plan.retries,
        )  # fmt: skip
        self.scoring = Scoring(judging, self.plan, checks)
        try:
            async with session.turn(self.database, self.id, until=lambda: self.context.halted):
                if not self.context.halted:
                    await self.scoring.run()
        except BudgetReached as reached:
            self._stop(reached)

    async def _serve(self, endpoint: Endpoint, most: int) -> int:
        """Sends all cells of one endpoint's models, `most` calls at a time, again and again while cells wait for a
        reply that a call in flight may bring. Returns how many pending cells match a request of the plan."""
        refs = [ref for ref in self.plan.models if split_model(ref)[0] == endpoint.name]
        in_flight = set() if self.plan.fresh else self.shared.in_flight
        matched = 0
        while True:
            feed = Feed(self.database, self.id, self.plan, endpoint, refs, self.decided, in_flight, self.endpoints)
            self.feeds.append(feed)
            with self.shared.pace(endpoint, most) as self.paces[endpoint.name]:
                await self._send(feed, most)
            await self.journal.flush()
            feed.release()
            matched += (claimed := feed.matched - feed.duplicates)
            if not feed.duplicates or self.context.halted:
                return matched
            if not claimed:  # another run is sending the remaining cells
                await asyncio.sleep(_OTHER_RUN_S)

    async def _send(self, feed: Feed, most: int) -> None:
        queue: asyncio.Queue[Payload | None] = asyncio.Queue(2 * most)
        # Twice as many workers as calls in flight: some wait for a retry, and with a budget some wait for the disk.
        workers = 1 if most == 1 else 2 * most
        tasks = [asyncio.create_task(self._queue_batches(feed, queue, workers))]
        tasks += [asyncio.create_task(self._send_batches(feed, queue)) for _ in range(workers)]
        self.working.update(tasks)
        try:
            await loop.gather(tasks)
        finally:
            self.working.difference_update(tasks)

    async def _queue_batches(self, feed: Feed, queue: asyncio.Queue[Payload | None], workers: int) -> None:
        chunks = feed.chunks()
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None and not self.context.halted:
            claimed = feed.claim(chunk)
            reused, batches = await asyncio.to_thread(feed.look_up, claimed) if claimed else ([], [])
            if reused:
                self.journal.write(JournalEntry(reused.copy, committed=partial(feed.release_reused, claimed, batches)))
            for batch in batches:
                await queue.put(batch)
        for _ in range(workers):
            await queue.put(None)

    async def _send_batches(self, feed: Feed, queue: asyncio.Queue[Payload | None]) -> None:
        while not self.context.halted and (batch := await queue.get()) is not None:
            try:
                if isinstance(batch, SteppedCell):
                    await self._make_calls(feed, batch)
                else:
                    await self.sender.send(feed.endpoint, self.paces[batch.endpoint], batch)
                self.journal.write(JournalEntry(committed=partial(feed.release, batch.names)))
            except BudgetReached as reached:  # calls in flight are paid for and still end
                self._stop(reached)
            except Halted:
                break

    async def _make_calls(self, feed: Feed, cell: SteppedCell) -> None:
        """Makes the calls of a cell that makes several; counts the cell as a duplicate if one of them is in flight."""
        steps = CellSteps(
            self.context, self.database, cell, feed, self.working, self.endpoints,
            lambda batch: self.sender.send(self.endpoints[batch.endpoint], self.paces[batch.endpoint], batch),
            self.vectors.make,
        )  # fmt: skip
        try:
            await steps.run()
        except InFlightElsewhere:
            feed.duplicates += 1

    def _stop(self, reason: Exception) -> None:
        self.why_stopped = str(reason)
        self._halt()

    def _halt(self) -> None:
        """Stops sending; calls in flight may already be paid for, so they still end."""
        if not self.context.halted:
            self.context.halted = True
            if self.scoring is not None:
                self.scoring.halt()
            asyncio.get_running_loop().call_soon(self._end_idle)

    def _end_idle(self) -> None:
        for task in self.working - self.context.in_flight:
            task.cancel()

    async def _still_ours(self) -> None:
        """Raises Fenced when another runner has claimed the run, which raises the run's epoch in the database. Reads it
        unless it was read just now, and again if the process slept meanwhile, by the clock that runs on in sleep."""
        for _ in range(2):
            async with self.reading:  # one read serves all calls that wait for it
                if abs(time.time() - self.epoch_read_at) <= _EPOCH_S:
                    return
                try:
                    await self._read_status()
                except StoreError as error:
                    self._stop(error)

    async def _read_status(self) -> RunStatus:
        began = time.time()  # what is read may be that old
        status, epoch = await asyncio.to_thread(commits.status_and_epoch, self.database, self.id)
        if epoch != self.epoch:
            raise Fenced(self.id)
        self.epoch_read_at = began
        return status

    async def _watch(self) -> RunStatus:
        """Stores heartbeats and reads the run's status until it is paused or cancelled; returns the status in which the
        run ends. When a pause is requested, only stops the sending. Raises Fenced when another runner has claimed the
        run."""
        heartbeat_at, failures = 0.0, 0
        while True:
            try:
                status = await self._read_status()
                if time.monotonic() - heartbeat_at > _BEAT_S:
                    await asyncio.to_thread(commits.beat, self.database, self.id, self.epoch, self._live())
                    heartbeat_at = time.monotonic()
                failures = 0
            except StoreError as error:  # may be temporary, and the journal may still write the calls in flight
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
        """Returns the figures that are shown while the run is in progress, as JSON values."""
        return {
            "per_second": self.journal.rate.per_second(len(self.context.in_flight)),
            "in_flight": len(self.context.in_flight),
            "endpoints": {name: pace.figures() for name, pace in self.paces.items()},
            "scored": None if self.scoring is None else [self.scoring.done, self.scoring.total],
        }
