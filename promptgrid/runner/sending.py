"""Sends batches: again where that may help, and not at all where something has made it useless."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from promptgrid import learned, models
from promptgrid.budget import BudgetReached, Cost, Wall
from promptgrid.connections import model_facts
from promptgrid.endpoint import Endpoint
from promptgrid.errors import EndpointError
from promptgrid.grid import Plan, Point
from promptgrid.runner.batches import Batch
from promptgrid.runner.call import PATIENCE_S, Call, Halted
from promptgrid.runner.journal import Journal
from promptgrid.runner.pace import Pace

_PARAMETERS = ("temperature", "top_p", "max_tokens", "seed", "stop", "reasoning_effort", "response_format")


@dataclass(frozen=True, slots=True)
class _Scope:
    """The calls that an error speaks of: an endpoint's, a model's (""; any), those with this value of a parameter."""

    endpoint: str
    model: str = ""
    parameter: str = ""
    value: object = None

    def holds(self, point: Point) -> bool:
        return (
            point.endpoint == self.endpoint
            and self.model in ("", point.model)
            and (not self.parameter or getattr(point.request, self.parameter) == self.value)
        )


@dataclass
class Sender:
    """Sends the batches of one run. `stopped` keeps what made calls useless until somebody mends it."""

    run_id: str
    plan: Plan
    wall: Wall
    journal: Journal
    still_ours: Callable[[], Awaitable[None]]  # raises Fenced
    halted: bool = False
    in_flight: set[asyncio.Task[Any] | None] = field(default_factory=set)
    stopped: dict[_Scope, EndpointError] = field(default_factory=dict)
    _reserved: int = 0  # calls that have something set aside and have not ended
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    @cached_property
    def facts(self) -> dict[str, models.ModelFacts]:
        """What is known about each model of the plan."""
        return {ref: model_facts(ref) for ref in self.plan.models}

    async def send(self, endpoint: Endpoint, pace: Pace, batch: Batch) -> list[Batch]:
        """Sends until the batch has ended, well or badly; returns what of it is to be sent in another form.

        Raises BudgetReached before it sends, Halted, Fenced.
        """
        call = Call(self, endpoint, pace, batch)
        while True:
            if error := self._stop_for(batch.point):
                return call.fail(error)
            try:
                return call.end(await call.attempt())
            except EndpointError as error:
                await self._remember(endpoint, batch.point, error)
                if (left := call.in_another_form(error)) is not None:
                    return left
                wait_s = call.wait_s(error)
                if wait_s is None:
                    return call.fail(error)
                call.failed(error, wait_s)
                if self.halted:
                    raise Halted from None
                await asyncio.sleep(wait_s)

    async def reserve(self, worst: Cost) -> None:
        """Sets the worst case of a call aside. Where there is no room, calls under way are waited for: they may cost
        less than was set aside for them. Raises BudgetReached when there are none."""
        while True:
            try:
                self.wall.reserve(worst)
            except BudgetReached:
                if not self._reserved:
                    raise
                await self._freed.wait()
            else:
                self._reserved += 1
                return

    def ended(self) -> None:
        """A call for which something was set aside has ended: who waits for room looks again."""
        self._reserved -= 1
        self._freed.set()
        self._freed = asyncio.Event()

    def _stop_for(self, point: Point) -> EndpointError | None:
        return next((error for scope, error in self.stopped.items() if scope.holds(point)), None)

    async def _remember(self, endpoint: Endpoint, point: Point, error: EndpointError) -> None:
        """What would end the next call in the same way is not sent; what a model refused is known to later plans."""
        if error.stops_endpoint:
            # A wrong key or an empty purse stops the whole endpoint, an unknown model only itself.
            model = point.model if error.kind == "unknown_model" else ""
            self.stopped[_Scope(point.endpoint, model)] = error
        elif error.kind == "refused_parameter" and error.param in _PARAMETERS:
            value, effort = getattr(point.request, error.param), point.request.reasoning_effort
            self.stopped[_Scope(point.endpoint, point.model, error.param, value)] = error
            said = partial(learned.remember, effort=effort)
            await asyncio.to_thread(said, endpoint.identity, point.model, error.param, value, error.message)
        elif error.kind == "rate_limited" and (error.retry_after or 0.0) > PATIENCE_S:
            self.stopped[_Scope(point.endpoint, point.model)] = error

    def worst(self, batch: Batch) -> Cost:
        """What a call of this batch costs at most; None where nobody knows."""
        point, n = batch.point, len(batch.samples)
        facts = self.facts[point.model_ref]
        # A token is at least one byte: the bytes are an upper bound whatever the encoding; 16 covers a role's overhead.
        prompt = sum(len(m.text.encode("utf-8", "replace")) + 16 for m in point.request.messages)
        room = point.request.max_tokens or facts.max_output or facts.context
        if room is None:
            return Cost(0.0 if facts.free else None, None)
        return Cost(models.cost_usd(facts, prompt, room * n), prompt + room * n)
