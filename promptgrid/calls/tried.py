"""Carries out a try: one cell outside any run, whose calls are streamed and stored as tries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from promptgrid import connections, techniques
from promptgrid.calls.score_reply import blind_score
from promptgrid.calls.single import stream_try
from promptgrid.endpoint import Reply
from promptgrid.grid import Plan, Point
from promptgrid.grid.points import step_point
from promptgrid.loop import gather
from promptgrid.store import Database
from promptgrid.techniques import Done, Progress, StepCall, StepReply


@dataclass
class TriedStep:
    """A call of a try, with the point that sends it. `text` is the part of the reply that has arrived; `reply` is None
    until the reply is complete."""

    call: StepCall
    point: Point
    text: str = ""
    reply: Reply | None = None

    @property
    def answered(self) -> StepReply | None:
        """The reply as the technique is given it; None until the reply is complete."""
        reply = self.reply
        return (
            None
            if reply is None
            else StepReply(self.call, reply.text, reply.finish_reason, reply.reasoning, reply.tool_calls)
        )


@dataclass
class TriedCell:
    """A try of the plan's first cell, whose first call is `point`. `steps` are the calls that have been started, in
    order; `done` is None until the technique has ended. Both change while `carry_out` runs."""

    plan: Plan
    point: Point
    steps: list[TriedStep] = field(default_factory=list)
    done: Done | None = None

    async def carry_out(self, database: Database) -> None:
        """Makes all calls of the technique; those of one round at once, as many as the endpoint takes at a time. Each
        reply is stored when it is complete. An error cancels the calls beside it and is raised; cancelling the task
        cancels the calls in flight."""
        progress = started(self.plan, self.point)
        free = asyncio.Semaphore(connections.connect(self.point.endpoint).concurrency)
        while progress.done is None:
            if progress.search and self.plan.contexts:
                parameters, case = self.point.variant.sent.parameters, self.point.case
                search = partial(self.plan.contexts.search, parameters, case, progress.search.queries)
                progress.find((await asyncio.to_thread(search)).passages)
                continue
            mine = [TriedStep(call, self._point_of(call)) for call in progress.calls]
            self.steps += mine
            await gather([self._stream(database, step, free) for step in mine])
            progress.answer([step.answered for step in mine if step.answered])
        self.done = progress.done

    def _point_of(self, call: StepCall) -> Point:
        names = {self.point.endpoint, connections.split_model(call.ask.model or self.point.model_ref)[0]}
        return step_point(self.point, call, {name: connections.connect(name) for name in names})

    async def _stream(self, database: Database, step: TriedStep, free: asyncio.Semaphore) -> None:
        async with free:
            async for delta in stream_try(database, step.point):
                step.text += delta.text
                step.reply = delta.reply or step.reply

    @property
    def output(self) -> TriedStep | None:
        """The call whose reply is the cell's output; None until the technique has ended."""
        return self.steps[self.done.reply.call.number] if self.done else None


def started(plan: Plan, point: Point) -> Progress:
    """Starts the point's technique with its case, as the plan shows examples. Raises PlanError, PromptError."""
    return techniques.progress(
        point.asked,
        point.values,
        point.technique,
        k=point.examples_k,
        examples_as=plan.examples_as,
        score=blind_score(plan, point),
        parameters=point.variant.parameters,
        retrieval=point.retrieval,
        nearest=plan.vectors.nearest if plan.vectors else techniques.not_computed,
    )
