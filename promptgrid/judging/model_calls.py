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


def judge_plan(prompt: Prompt, ref: str, inputs: Sequence[Mapping[str, str]], repeats: int = 1) -> Plan:
    """Returns a plan with one case per item of `inputs`: the call that renders the judge's `prompt` with these values
    and sends it to the model `ref` (ENDPOINT/MODEL), `repeats` times."""
    cases = tuple(Case(id=str(number), inputs=values, expected=None) for number, values in enumerate(inputs))
    return Plan(prompts=(prompt,), cases=cases, models=(ref,), samples=repeats, checks=())


class Judge:
    """One model (`ref`, ENDPOINT/MODEL) that judges the replies of one run with one prompt, each `repeats` times.
    `on_done` is called with the number of inputs that have been judged since its last call."""

    def __init__(
        self, judging: JudgingContext, prompt: Prompt, ref: str, *, repeats: int = 1,
        on_done: Callable[[int], None] = lambda count: None,
    ) -> None:  # fmt: skip
        self._judging, self._on_done, self._repeats = judging, on_done, repeats
        self._endpoint = judging.connect(split_model(ref)[0])
        self._plan = judge_plan(prompt, ref, [{}])
        self._decided = grid.decide(self._plan)
        self._context = judging.run_context(KIND)
        self._sender = Sender(self._context)
        self._replies: dict[tuple[str, int], JudgeReply] = {}  # by the key of the call and the number of the repeat
        self._working: set[asyncio.Task[None]] = set()
        self.reached: BudgetReached | None = None

    async def replies(self, inputs: Sequence[Mapping[str, str]]) -> list[JudgeReply | None]:
        """Returns the judge's first reply to each of the inputs; None for an input that was not sent because the judge
        was halted or the budget was reached."""
        return [repeats[0] for repeats in await self.repeated(inputs)]

    async def repeated(self, inputs: Sequence[Mapping[str, str]]) -> list[list[JudgeReply | None]]:
        """Returns the judge's replies to each of the inputs, one per repeat; None for one that was not sent because the
        judge was halted or the budget was reached."""
        plan = replace(self._plan, cases=judge_plan(self._plan.prompts[0], self._plan.models[0], inputs).cases)
        planned = await asyncio.to_thread(lambda: list(plan_points(plan, self._decided)))
        await self._look_up([one.point.key for one in planned])
        new = {one.point.key: one for one in planned if self._missing(one.point.key)}
        self._on_done(len(planned) - len(new))
        await self._endpoint.prepare()
        if new:
            await self._send([*new.values()])
        await self._judging.journal.flush()
        await self._look_up([*new])
        return [[self._replies.get((one.point.key, at)) for at in range(self._repeats)] for one in planned]

    def _missing(self, key: str) -> list[int]:
        """Returns the numbers of the repeats of this call that have no reply yet."""
        return [at for at in range(self._repeats) if (key, at) not in self._replies]

    async def _send(self, planned: Sequence[PlannedPoint]) -> None:
        most, queue = self._judging.most(self._endpoint), iter(planned)
        with self._judging.shared.pace(self._endpoint, most) as pace:
            self._working = {asyncio.create_task(self._work(queue, pace)) for _ in range(min(most, len(planned)))}
            await loop.gather([*self._working])

    async def _look_up(self, keys: Sequence[str]) -> None:
        new = [key for key in dict.fromkeys(keys) if self._missing(key)]
        stored = await asyncio.to_thread(stored_replies, self._judging.database, new)
        self._replies |= {
            (key, sample): JudgeReply(reply.id, reply.text)
            for (key, sample), reply in stored.items()
            if sample < self._repeats and reply.id > self._judging.since
        }

    async def _work(self, queue: Iterator[PlannedPoint], pace: Pace) -> None:
        for planned in queue:
            if self._context.halted:
                return
            missing, most = self._missing(planned.point.key), max(1, self._endpoint.max_n)
            if not planned.fits:
                error = f"{planned.count.tokens:,} prompt tokens do not fit into the judge's {planned.limit:,}"
                self._replies |= {(planned.point.key, at): JudgeReply(error=error) for at in missing}
                continue
            for start in range(0, len(missing), most):
                await self._send_one(Batch(planned.point, tuple(missing[start : start + most])), pace)
            self._on_done(1)

    async def _send_one(self, batch: Batch, pace: Pace) -> None:
        try:
            for part, failure in await self._sender.send(self._endpoint, pace, batch):
                self._replies |= dict.fromkeys(part.names, JudgeReply(error=error_text(failure)))
        except BudgetReached as reached:
            self.reached = reached
            self._context.halted = True
        except Halted:
            pass

    def halt(self) -> None:
        """Stops sending. Calls in flight may already be paid for, so they still end."""
        self._context.halted = True
        for task in self._working - self._context.in_flight:
            task.cancel()
