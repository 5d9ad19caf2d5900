"""What all the calls of a run share: the plan, the journal, the budget's wall, and whether to send at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from promptgrid import models
from promptgrid.budget import BudgetReached, Cost, Wall
from promptgrid.calls.batch import Batch
from promptgrid.calls.journal import JournalEntry
from promptgrid.connections import model_facts
from promptgrid.grid import Plan
from promptgrid.store.attempts import Attempt


class Book(Protocol):
    """Where calls are written down: the Journal, or what stands before it."""

    def write(self, entry: JournalEntry) -> None:
        """To be committed within a moment."""

    async def reserve(self, call: Attempt) -> int:
        """Comes back when the reservation is kept; with its id, for `Entry.settled`."""


@dataclass
class RunContext:
    """One claim of a run at work. Once `halted` nothing more is sent; the tasks `in_flight` have a call under way."""

    run_id: str
    plan: Plan
    wall: Wall
    journal: Book
    still_ours: Callable[[], Awaitable[None]]  # raises Fenced
    kind: str = "run"  # of its replies
    halted: bool = False
    in_flight: set[asyncio.Task[Any] | None] = field(default_factory=set)
    _reserved: int = 0  # calls that have something set aside and have not ended
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    @cached_property
    def facts(self) -> dict[str, models.ModelFacts]:
        """What is known about each model of the plan."""
        return {ref: model_facts(ref) for ref in self.plan.models}

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

    def worst(self, batch: Batch) -> Cost:
        """What a call of this batch costs at most; None where nobody knows."""
        point, n = batch.point, len(batch.samples)
        facts = self.facts[point.model_ref]
        # A token is at least one byte: the bytes are an upper bound whatever the encoding; 16 covers a role's overhead.
        prompt = sum(len(m.text.encode("utf-8", "replace")) + 16 for m in point.request.messages)
        room = point.request.parameters.max_tokens or facts.max_output or facts.context
        return models.cost_of(facts, prompt, room and room * n)
