"""Calls a model that judges stored replies, with the keys, the pace, the retries and the budget of a run's calls.

A judge's replies are stored like a run's, with their cost, and reused when the same question is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from promptgrid import grid, loop
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


async def _no_claim() -> None:
    """Does nothing: the default of `JudgingContext.still_ours`, for a run that is not in progress and so is not claimed
    by a process."""


@dataclass(frozen=True)
class JudgingContext:
    """The state shared by all checks that score the replies of one run.

    `connect` returns the endpoint with a name. `shared` has the pace of each endpoint, `wall` enforces the budget, and
    `journal` stores the judges' replies. `still_ours` raises Fenced when another process has claimed the run. A judge's
    stored reply is reused if its id is greater than `since`. `concurrency` is the plan's limit of calls in flight
    (None: each endpoint's own limit), `retries` how often the plan lets a failed call be sent again.
    """

    database: Database
    run_id: str
    connect: Connect
    shared: Shared
    wall: Wall
    journal: Journal
    still_ours: Callable[[], Awaitable[None]] = _no_claim  # raises Fenced
    concurrency: int | None = None
    retries: int = Plan.retries
    since: int = 0

    def run_context(self, kind: str) -> RunContext:
        """Returns the context of calls whose replies are stored with this `kind`: "judge" or "embedding"."""
        return RunContext(self.run_id, self.wall, self.journal, self.still_ours, kind, self.retries)

    def most(self, endpoint: Endpoint) -> int:
        """Returns how many calls to the endpoint may be in flight: `concurrency`, or else the endpoint's own limit. An
        endpoint with the limit 1 always gets 1."""
        return 1 if endpoint.concurrency == 1 else self.concurrency or endpoint.concurrency


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """The id and text of a judge's reply, or in `error` the reason why there is none."""

    reply_id: int | None = None
    text: str = ""
    error: str = ""


def judge_plan(prompt: Prompt, ref: str, inputs: Sequence[Mapping[str, str]]) -> Plan:
    """Returns a plan with one case per item of `inputs`: the call that renders the judge's `prompt` with these values
    and sends it to the model `ref` (ENDPOINT/MODEL)."""
    cases = tuple(Case(id=str(number), inputs=values, expected=None) for number, values in enumerate(inputs))
    return Plan(prompts=(prompt,), cases=cases, models=(ref,), checks=())


class Judge:
    """One model (`ref`, ENDPOINT/MODEL) that judges the replies of one run with one prompt. `on_done` is called with
    the number of inputs that have been judged since its last call."""

    def __init__(
        self, judging: JudgingContext, prompt: Prompt, ref: str, *, on_done: Callable[[int], None] = lambda count: None
    ) -> None:
        self._judging, self._on_done = judging, on_done
        self._endpoint = judging.connect(split_model(ref)[0])
        self._plan = judge_plan(prompt, ref, [{}])
        self._decided = grid.decide(self._plan)
        self._context = judging.run_context(KIND)
        self._sender = Sender(self._context)
        self._replies: dict[str, JudgeReply] = {}  # by the key of the call
        self._working: set[asyncio.Task[None]] = set()
        self.reached: BudgetReached | None = None

    async def replies(self, inputs: Sequence[Mapping[str, str]]) -> list[JudgeReply | None]:
        """Returns the judge's reply to each of the inputs; None for an input that was not sent because the judge was
        halted or the budget was reached."""
        plan = replace(self._plan, cases=judge_plan(self._plan.prompts[0], self._plan.models[0], inputs).cases)
        planned = await asyncio.to_thread(lambda: list(plan_points(plan, self._decided)))
        await self._look_up([one.point.key for one in planned])
        new = {one.point.key: one for one in planned if one.point.key not in self._replies}
        self._on_done(len(planned) - len(new))
        await self._endpoint.prepare()
        if new:
            await self._send([*new.values()])
        await self._judging.journal.flush()
        await self._look_up([*new])
        return [self._replies.get(one.point.key) for one in planned]

    async def _send(self, planned: Sequence[PlannedPoint]) -> None:
        most, queue = self._judging.most(self._endpoint), iter(planned)
        with self._judging.shared.pace(self._endpoint, most) as pace:
            self._working = {asyncio.create_task(self._work(queue, pace)) for _ in range(min(most, len(planned)))}
            await loop.gather([*self._working])

    async def _look_up(self, keys: Sequence[str]) -> None:
        new = [key for key in dict.fromkeys(keys) if key not in self._replies]
        stored = await asyncio.to_thread(stored_replies, self._judging.database, new)
        self._replies |= {
            key: JudgeReply(reply.id, reply.text)
            for (key, sample), reply in stored.items()
            if sample == 0 and reply.id > self._judging.since
        }

    async def _work(self, queue: Iterator[PlannedPoint], pace: Pace) -> None:
        for planned in queue:
            if self._context.halted:
                return
            if not planned.fits:
                error = f"{planned.count.tokens:,} prompt tokens do not fit into the judge's {planned.limit:,}"
                self._replies[planned.point.key] = JudgeReply(error=error)
                continue
            try:
                for batch, failure in await self._sender.send(self._endpoint, pace, Batch(planned.point, (0,))):
                    self._replies[batch.point.key] = JudgeReply(error=error_text(failure))
            except BudgetReached as reached:
                self.reached = reached
                self._context.halted = True
            except Halted:
                pass
            self._on_done(1)

    def halt(self) -> None:
        """Stops sending. Calls in flight may already be paid for, so they still end."""
        self._context.halted = True
        for task in self._working - self._context.in_flight:
            task.cancel()
