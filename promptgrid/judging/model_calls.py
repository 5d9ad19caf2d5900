"""Asks a model about replies that are stored: the same plan, pace, retries and budget as a run's calls, for judges.

Its replies are kept as a run's are, with their cost, and reused when the same is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from promptgrid import grid
from promptgrid.budget import BudgetReached, Wall
from promptgrid.calls.batch import Batch
from promptgrid.calls.call import Halted, error_text
from promptgrid.calls.journal import Journal
from promptgrid.calls.pace import Pace
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.sender import Sender
from promptgrid.calls.shared import Shared
from promptgrid.cases.table import Case
from promptgrid.connections import split_model
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Plan
from promptgrid.grid.planned_points import PlannedPoint, plan_points
from promptgrid.prompt import Prompt
from promptgrid.store import Database
from promptgrid.store.stored_replies import stored_replies

KIND = "judge"

Connect = Callable[[str], Endpoint]


async def _nobody_else() -> None:
    """Who judges a run that rests holds no claim on it."""


@dataclass(frozen=True)
class Means:
    """What models are asked with about a run's replies. Only stored replies with a greater id than `since` count.

    `concurrency` is what the run's plan allows at a time; None: each endpoint's own.
    """

    database: Database
    run_id: str
    connect: Connect
    shared: Shared
    wall: Wall
    journal: Journal
    still_ours: Callable[[], Awaitable[None]] = _nobody_else  # raises Fenced
    concurrency: int | None = None
    since: int = 0

    def context(self, kind: str) -> RunContext:
        """For calls whose replies are of this kind."""
        return RunContext(self.run_id, self.wall, self.journal, self.still_ours, kind)

    def most(self, endpoint: Endpoint) -> int:
        """So many calls at a time; what must be asked one by one is."""
        return 1 if endpoint.concurrency == 1 else self.concurrency or endpoint.concurrency


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """What the model said: the id of its reply and the text; or `error`, why there is none."""

    reply_id: int | None = None
    text: str = ""
    error: str = ""


def judge_plan(prompt: Prompt, ref: str, inputs: Sequence[Mapping[str, str]]) -> Plan:
    """The calls that put these inputs to the judge, as a plan: so are its keys made, its tokens counted."""
    cases = tuple(Case(id=str(number), inputs=values, expected=None) for number, values in enumerate(inputs))
    return Plan(prompts=(prompt,), cases=cases, models=(ref,), checks=())


class Asking:
    """One model, asked by one prompt, for one run."""

    def __init__(
        self, means: Means, prompt: Prompt, ref: str, *, more: Callable[[int], None] = lambda count: None
    ) -> None:
        self._means, self._more = means, more
        self._endpoint = means.connect(split_model(ref)[0])
        self._plan = judge_plan(prompt, ref, [{}])
        self._decided = grid.decide(self._plan)
        self._context = means.context(KIND)
        self._sender = Sender(self._context)
        self._asked: dict[str, JudgeReply] = {}  # by the key of the call, in this pass
        self._working: set[asyncio.Task[None]] = set()
        self.reached: BudgetReached | None = None

    async def said(self, inputs: Sequence[Mapping[str, str]]) -> list[JudgeReply | None]:
        """What the model says of each; None where it was not asked, since the work was halted or the budget reached."""
        plan = replace(self._plan, cases=judge_plan(self._plan.prompts[0], self._plan.models[0], inputs).cases)
        planned = await asyncio.to_thread(lambda: list(plan_points(plan, self._decided)))
        await self._look_up([one.point.key for one in planned])
        new = {one.point.key: one for one in planned if one.point.key not in self._asked}
        self._more(len(planned) - len(new))
        await self._endpoint.prepare()
        if new:
            await self._ask([*new.values()])
        await self._means.journal.flush()
        await self._look_up([*new])
        return [self._asked.get(one.point.key) for one in planned]

    async def _ask(self, planned: Sequence[PlannedPoint]) -> None:
        most, queue = self._means.most(self._endpoint), iter(planned)
        with self._means.shared.pace(self._endpoint, most) as pace:
            self._working = {asyncio.create_task(self._work(queue, pace)) for _ in range(min(most, len(planned)))}
            try:
                await asyncio.wait(self._working, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                for task in self._working:
                    task.cancel()
                await asyncio.gather(*self._working, return_exceptions=True)
        for task in self._working:
            if not task.cancelled():
                task.result()

    async def _look_up(self, keys: Sequence[str]) -> None:
        wanted = [key for key in dict.fromkeys(keys) if key not in self._asked]
        stored = await asyncio.to_thread(stored_replies, self._means.database, wanted)
        found = {key: one for (key, sample), one in stored.items() if sample == 0 and one.id > self._means.since}
        self._asked |= {key: JudgeReply(one.id, one.text) for key, one in found.items()}

    async def _work(self, queue: Iterator[PlannedPoint], pace: Pace) -> None:
        for planned in queue:
            if self._context.halted:
                return
            if not planned.fits:
                why = f"{planned.count.tokens:,} prompt tokens do not fit into the judge's {planned.limit:,}"
                self._asked[planned.point.key] = JudgeReply(error=why)
                continue
            try:
                for _, error in await self._sender.send(self._endpoint, pace, Batch(planned.point, (0,))):
                    self._asked[planned.point.key] = JudgeReply(error=error_text(error))
            except BudgetReached as reached:
                self.reached = reached
                self._context.halted = True
            except Halted:
                pass
            self._more(1)

    def halt(self) -> None:
        """Nothing more is asked; calls in flight are paid for, and come in."""
        self._context.halted = True
        for task in self._working - self._context.in_flight:
            task.cancel()
