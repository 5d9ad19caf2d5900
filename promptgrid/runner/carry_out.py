"""Carries one run out: what is stored is reused, the rest is sent, every reply is committed before anybody sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from promptgrid import grid
from promptgrid.budget import BudgetReached, Wall, parse_budget
from promptgrid.connections import split_model
from promptgrid.endpoint import Endpoint
from promptgrid.errors import PlanError, PromptgridError
from promptgrid.grid import Plan
from promptgrid.runner.batches import Batch, Sample, to_batches, to_samples
from promptgrid.runner.sending import Sender, read_and_score
from promptgrid.store import Database, work
from promptgrid.store.runs import RunStatus, plan_of
from promptgrid.store.work import Fenced, Outcome

_GROUP_S = 0.02  # replies that come within this time share a commit: one fsync for all of them
_WATCH_S = 0.25
_BEAT_S = 3.0
_REUSE_ROWS = 200

_ENDS: Mapping[RunStatus, RunStatus] = {
    "pausing": "paused",
    "paused": "paused",
    "cancelling": "cancelled",
    "cancelled": "cancelled",
}
"""What is asked of a run while it works, and the state that it then ends in."""

Connect = Callable[[str], Endpoint]


@dataclass
class Slots:
    """How many requests may be in flight at each endpoint, over all the runs of this process."""

    by_endpoint: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def of(self, endpoint: Endpoint, wanted: int | None) -> asyncio.Semaphore:
        """The endpoint's own limit; a plan may ask for another where the endpoint allows more than one at a time."""
        if wanted is not None and endpoint.concurrency > 1:
            return asyncio.Semaphore(wanted)
        return self.by_endpoint.setdefault(endpoint.name, asyncio.Semaphore(endpoint.concurrency))


async def carry_out(database: Database, run_id: str, *, connect: Connect, slots: Slots | None = None) -> RunStatus:
    """Works on the run until it is finished, paused, cancelled or cannot go on; returns the state it ends in.

    Raises Fenced when another runner has taken the run over.
    """
    epoch = await asyncio.to_thread(work.claim, database, run_id)
    asked, _ = await asyncio.to_thread(work.status_and_epoch, database, run_id)
    if asked != "running":  # somebody was quicker than the runner
        ended = _ENDS.get(asked, asked)
        if ended != asked:
            await asyncio.to_thread(work.end, database, run_id, epoch, ended)
        return ended
    run = _Run(database, run_id, epoch, slots or Slots())
    try:
        status, message = await run.until_done(connect)
    except PromptgridError as error:
        status, message = "stopped", str(error)
    await asyncio.to_thread(work.end, database, run_id, epoch, status, message)
    return status


class _Run:
    def __init__(self, database: Database, run_id: str, epoch: int, slots: Slots) -> None:
        self.database, self.id, self.epoch, self.slots = database, run_id, epoch, slots
        self.outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self.over_budget = ""

    async def until_done(self, connect: Connect) -> tuple[RunStatus, str]:
        """The state that the run ends in, and why if it did not simply finish."""
        plan = await asyncio.to_thread(plan_of, self.database, self.id)
        endpoints = {name: connect(name) for name in dict.fromkeys(split_model(ref)[0] for ref in plan.models)}
        samples = await asyncio.to_thread(self._pending_samples, plan, endpoints)
        writer = asyncio.create_task(self._write())
        sending = asyncio.create_task(self._reuse_and_send(plan, endpoints, samples))
        asked = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({sending, asked, writer}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                await _cancelled(sending)
            self.outcomes.put_nowait(None)
            await writer  # what has come in is committed, whatever ended the sending
        finally:
            await _cancelled(asked, sending, writer)
        if sending.cancelled():
            return asked.result(), ""
        sending.result()
        if self.over_budget:
            return "stopped", self.over_budget
        return "finished", ""

    def _pending_samples(self, plan: Plan, endpoints: Mapping[str, Endpoint]) -> list[Sample]:
        pending = work.pending(self.database, self.id)
        cells = [cell for cell in grid.cells(plan, endpoints) if cell.position in pending]
        if any(cell.key != pending[cell.position] for cell in cells):
            # The key holds the base URL: what was planned for one server must not go to another.
            raise PlanError(
                "An endpoint's base URL, the built-in model's weights or what is known of a model have changed"
                " since this run was planned.",
                hint="Set them back and resume, or start a new run.",
            )
        return to_samples(cells)

    async def _reuse_and_send(self, plan: Plan, endpoints: Mapping[str, Endpoint], samples: list[Sample]) -> None:
        if not plan.fresh:
            samples = await asyncio.to_thread(self._reuse, plan, samples)
        wall = Wall(parse_budget(plan.budget))
        wall.add(await asyncio.to_thread(work.spent, self.database, self.id))
        sender = Sender(plan, wall)
        by_endpoint: dict[str, deque[Batch]] = {}
        for batch in to_batches(samples, endpoints):
            by_endpoint.setdefault(batch.cell.endpoint, deque()).append(batch)
        async with asyncio.TaskGroup() as group:
            for name, batches in by_endpoint.items():
                endpoint = endpoints[name]
                slot = self.slots.of(endpoint, plan.concurrency)
                for _ in range(min(len(batches), plan.concurrency or endpoint.concurrency)):
                    group.create_task(self._send_all(sender, endpoint, slot, batches))

    def _reuse(self, plan: Plan, samples: list[Sample]) -> list[Sample]:
        """Shows the stored replies in their cells and returns the samples that have none."""
        stored = work.stored_replies(self.database, (s.key for s in samples))
        rest, group = [], []
        for sample in samples:
            if sample.key not in stored:
                rest.append(sample)
                continue
            reply_id, text = stored[sample.key]
            results = [read_and_score(plan, cell, text, reused=True) for cell in sample.cells]
            group.append(Outcome(results, reply_id=reply_id))
            if len(group) == _REUSE_ROWS:
                work.commit(self.database, self.id, self.epoch, group)
                group = []
        if group:
            work.commit(self.database, self.id, self.epoch, group)
        return rest

    async def _send_all(
        self, sender: Sender, endpoint: Endpoint, slot: asyncio.Semaphore, batches: deque[Batch]
    ) -> None:
        while batches:
            batch = batches.popleft()
            try:
                async with slot:
                    outcomes = await sender.send(endpoint, batch)
            except BudgetReached as reached:  # calls in flight are paid for: they come in, nothing follows them
                self.over_budget = str(reached)
                batches.clear()
                return
            for outcome in outcomes:
                self.outcomes.put_nowait(outcome)
            answered = sum(outcome.reply is not None for outcome in outcomes)
            if answered and answered < len(batch.samples):  # fewer than n: the rest goes again
                batches.appendleft(Batch(batch.samples[answered:]))

    async def _write(self) -> None:
        """Commits outcomes in groups until None comes."""
        last = False
        while not last:
            group = [await self.outcomes.get()]
            if group[0] is not None:
                await asyncio.sleep(_GROUP_S)
            while not self.outcomes.empty():
                group.append(self.outcomes.get_nowait())
            last = None in group
            ready = [outcome for outcome in group if outcome is not None]
            if ready:
                await asyncio.to_thread(work.commit, self.database, self.id, self.epoch, ready)

    async def _watch(self) -> RunStatus:
        """Returns when somebody asks for an end: the state to end in. Raises Fenced when the run was taken over."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + _BEAT_S
        while True:
            await asyncio.sleep(_WATCH_S)
            status, epoch = await asyncio.to_thread(work.status_and_epoch, self.database, self.id)
            if epoch != self.epoch:
                raise Fenced(self.id)
            if status in _ENDS:
                return _ENDS[status]
            if loop.time() > beat_at:
                await asyncio.to_thread(work.beat, self.database, self.id, self.epoch)
                beat_at = loop.time() + _BEAT_S


async def _cancelled(*tasks: asyncio.Task[object]) -> None:
    """Cancels the tasks and waits until they have ended; what a task raised stays in it."""
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait(tasks)
