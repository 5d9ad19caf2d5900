"""A request of a cell that makes several calls: one of them, or those of a round that send the same, by `n`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from promptgrid.calls.batch import Batch
from promptgrid.endpoint import Reply
from promptgrid.errors import EndpointError
from promptgrid.grid import Point
from promptgrid.store.database import Row
from promptgrid.store.steps import StepRecord
from promptgrid.techniques import StepCall

Branch = tuple[StepCall, Point]
"""A call of a cell, and the point that sends it."""


@dataclass(frozen=True)
class StepBatch(Batch):
    """Calls of a cell that send the same, as one request for a reply to each of the `branches`; mostly there is one.
    `received` takes the replies by the number of their call; the cell itself does not end with the request."""

    branches: tuple[Branch, ...] = ()
    received: dict[int, Reply] = field(default_factory=dict)

    @property
    def ends(self) -> tuple[int, ...]:
        return ()

    def name(self, index: int) -> tuple[str, int]:
        return self.branches[index][1].key, self.samples[index]

    @property
    def names(self) -> list[tuple[str, int]]:
        return [self.name(index) for index in range(len(self.samples))]

    def steps(self, replies: Sequence[Reply], rows: Sequence[Row]) -> list[StepRecord]:
        (position,) = self.positions
        calls = [call for call, _ in self.branches]
        self.received.update((call.number, reply) for call, reply in zip(calls, replies, strict=False))
        return [
            StepRecord(position, call.number, call.round, call.ask.step, row, attempts=int(at == 0))
            for at, (call, row) in enumerate(zip(calls, rows, strict=False))
        ]

    def rest(self, answered: int, attempts: int) -> list[Batch]:
        return [self._of(self.branches[answered:])] if answered < len(self.branches) else []

    def parts(self, error: EndpointError) -> list[Batch]:
        return [self._of([one]) for one in self.branches] if super().parts(error) else []

    def _of(self, branches: Sequence[Branch]) -> StepBatch:
        return replace(self, point=branches[0][1], samples=self.samples[: len(branches)], branches=tuple(branches))
