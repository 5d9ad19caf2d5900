"""Holds what all calls of a run share: the journal, the budget's wall, the number of retries, and the halt flag."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from promptgrid.budget import BudgetReached, Cost, Wall
from promptgrid.calls.journal import Journal
from promptgrid.connections import model_facts
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Plan
from promptgrid.models import ModelFacts


def most_in_flight(plan: Plan, endpoint: Endpoint) -> int:
    """Returns how many calls of the plan to the endpoint may be in flight: the plan's limit, or else the endpoint's
    own. It is 1 if the endpoint's limit is 1, or if the plan expects repeatable replies (a seed, or temperature 0) and
    parallel calls would change them."""
    own: tuple[Any, ...] = tuple(prompt.parameters.temperature for prompt in plan.prompts)
    temperatures = plan.axes.get("temperature") or own
    repeats = plan.parameters.seed is not None or 0 in temperatures
    if endpoint.concurrency == 1 or (repeats and not endpoint.parallel_repeats):
        return 1
    return plan.concurrency or endpoint.concurrency


@dataclass
class RunContext:
    """What the calls of one run in progress share. `still_ours` is called before a call is sent, and raises Fenced if
    another runner owns the run. Once `halted` is true, no further call is sent; `in_flight` holds the tasks of the
    calls in flight."""

    run_id: str
    wall: Wall
    journal: Journal
    still_ours: Callable[[], Awaitable[None]]  # raises Fenced
    kind: str = "run"  # the kind of the replies
    retries: int = Plan.retries
    halted: bool = False
    in_flight: set[asyncio.Task[Any] | None] = field(default_factory=set)
    _facts: dict[str, ModelFacts] = field(default_factory=dict)
    _reserved: int = 0  # calls that hold a reservation and have not ended
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    def facts(self, ref: str) -> ModelFacts:
        """Returns the facts about the model `ref` (ENDPOINT/MODEL), unchanged since the run's first call to it."""
        if ref not in self._facts:
            self._facts[ref] = model_facts(ref)
        return self._facts[ref]

    async def reserve(self, worst: Cost) -> None:
        """Reserves the worst-case cost of a call in the budget. If it does not fit, waits for calls in flight, which
        may cost less than reserved; raises BudgetReached if there are none."""
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
        """Records that a call with reserved cost has ended, and wakes the calls that wait in `reserve`."""
        self._reserved -= 1
        self._freed.set()
        self._freed = asyncio.Event()
