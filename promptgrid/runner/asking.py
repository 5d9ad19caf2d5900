"""Asks a model about replies that are stored: the same plan, pace, retries and budget as a run's calls, for judges.

Its replies are kept as soon as they come, with their cost, and reused when the same is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from promptgrid import grid
from promptgrid.budget import BudgetReached, Wall
from promptgrid.cases import Case
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Plan
from promptgrid.preflight import PlannedPoint, plan_points
from promptgrid.prompt import Prompt
from promptgrid.runner.batches import Batch
from promptgrid.runner.call import Halted
from promptgrid.runner.job import Job
from promptgrid.runner.journal import Entry
from promptgrid.runner.sending import Sender
from promptgrid.runner.shared import Shared
from promptgrid.store import Database, scores
from promptgrid.store.attempts import Attempt
from promptgrid.store.database import Row
from promptgrid.store.kept import stored_replies

KIND = "judge"


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said: the id of its reply and the text; or `error`, why there is none."""

    reply_id: int | None = None
    text: str = ""
    error: str = ""


@dataclass
class _Ledger:
    """Where the calls write: what came waits here until `Asking` keeps it."""

    rows: list[Row] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)

    def write(self, entry: Entry) -> None:
        self.rows += entry.replies
        if entry.outcomes and not entry.replies:
            self.errors |= {outcome.result.position: outcome.result.error for outcome in entry.outcomes()}

    async def reserve(self, call: Attempt) -> int:
        return 0


def judge_plan(prompt: Prompt, ref: str, inputs: Sequence[Mapping[str, str]]) -> Plan:
    """The calls that put these inputs to the judge, as a plan: so are its keys made, its tokens counted."""
    cases = tuple(Case(id=str(number), inputs=values, expected=None) for number, values in enumerate(inputs))
    return Plan(prompts=(prompt,), cases=cases, models=(ref,), checks=())


class Asking:
    """One model, asked by one prompt, for one run."""

    def __init__(
        self, database: Database, run_id: str, prompt: Prompt, ref: str, endpoint: Endpoint, shared: Shared,
        wall: Wall, *, fresh: bool = False, one: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._database, self._run_id, self._endpoint, self._fresh = database, run_id, endpoint, fresh
        self._plan = judge_plan(prompt, ref, [{}])
        self._decided = grid.decide(self._plan)
        self._ledger = _Ledger()
        self._job = Job(run_id, self._plan, wall, self._ledger, _still_ours, kind=KIND)
        self._sender = Sender(self._job)
        self._shared, self._one = shared, one
        self._asked: dict[str, Said] = {}  # by the key of the call, in this pass
        self._working: set[asyncio.Task[None]] = set()
        self.reached: BudgetReached | None = None

    async def said(self, inputs: Sequence[Mapping[str, str]]) -> list[Said | None]:
        """What the model says of each; None where it was not asked, since the work was halted or the budget reached."""
        plan = replace(self._plan, cases=judge_plan(self._plan.prompts[0], self._plan.models[0], inputs).cases)
        planned = await asyncio.to_thread(lambda: list(plan_points(plan, self._decided)))
        await self._look_up([one.point.key for one in planned])
        new = {one.point.key: one for one in planned if one.point.key not in self._asked}
        await self._endpoint.prepare()
        most = self._endpoint.concurrency
        queue = iter(new.values())
        self._working = {asyncio.create_task(self._work(queue, most)) for _ in range(min(most, len(new)))}
        try:
            if self._working:
                await asyncio.wait(self._working, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)
        for task in self._working:
            if not task.cancelled():
                task.result()
        return [self._asked.get(one.point.key) for one in planned]

    async def _look_up(self, keys: Sequence[str]) -> None:
        if not self._fresh:
            wanted = [key for key in dict.fromkeys(keys) if key not in self._asked]
            stored = await asyncio.to_thread(stored_replies, self._database, wanted)
            self._asked |= {key: Said(one.id, one.text) for (key, sample), one in stored.items() if sample == 0}

    async def _work(self, queue: Iterator[PlannedPoint], most: int) -> None:
        pace = self._shared.pace(self._endpoint, f"{KIND}:{self._run_id}", most)
        for planned in queue:
            if self._job.halted:
                return
            if not planned.fits:
                why = f"{planned.count.tokens:,} prompt tokens do not fit into the judge's {planned.limit:,}"
                self._asked[planned.point.key] = Said(error=why)
                continue
            left = [Batch(planned.point, (0,), (int(planned.point.case.id),))]
            try:
                while left:
                    left += await self._sender.send(self._endpoint, pace, left.pop())
            except BudgetReached as reached:
                self.reached = reached
                self._job.halted = True
            except Halted:
                pass
            await asyncio.shield(asyncio.create_task(self._keep(planned)))
            self._one()

    async def _keep(self, planned: PlannedPoint) -> None:
        """Commits what has come, whoever it came to."""
        rows, self._ledger.rows = self._ledger.rows, []
        if rows:
            ids = await asyncio.to_thread(scores.keep_judgement, self._database, self._run_id, rows)
            self._asked |= {row["key"]: Said(id_, row["text"]) for id_, row in zip(ids, rows, strict=True)}
        if error := self._ledger.errors.pop(int(planned.point.case.id), ""):
            self._asked[planned.point.key] = Said(error=error)

    def halt(self) -> None:
        """Nothing more is asked; calls in flight are paid for, and come in."""
        self._job.halted = True
        for task in self._working - self._job.in_flight:
            task.cancel()


async def _still_ours() -> None:
    """Who judges holds no claim on the run."""
