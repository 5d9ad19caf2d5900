"""Samples that go out together as one request with `n`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from promptgrid.endpoint import Request
from promptgrid.grid import Point


@dataclass(frozen=True)  # no slots: the request is put together once
class Batch:
    """Some samples of one point, and the positions of their cells. `attempts` were made before, for more of them."""

    point: Point
    samples: tuple[int, ...]
    positions: tuple[int, ...]
    attempts: int = 0

    @cached_property
    def request(self) -> Request:
        """The request has the seed of its first sample."""
        return self.point.request_for(self.samples[0], len(self.samples))

    def rest(self, answered: int, attempts: int) -> Batch:
        """What is left when the first samples are answered."""
        return Batch(self.point, self.samples[answered:], self.positions[answered:], attempts)

    def halves(self, size: int) -> list[Batch]:
        """The same samples, at most `size` a request."""
        starts = range(0, len(self.samples), size)
        return [
            Batch(self.point, self.samples[i : i + size], self.positions[i : i + size], self.attempts) for i in starts
        ]


def to_batches(point: Point, cells: Sequence[tuple[int, int]], max_n: int) -> Iterator[Batch]:
    """The point's cells, as (sample, position) in the order of samples, at most `max_n` a request; seeded ones only
    without a gap, since a request's samples have the seeds that follow its first."""
    batch: list[tuple[int, int]] = []
    for cell in cells:
        gap = bool(batch) and point.request.parameters.seed is not None and cell[0] != batch[-1][0] + 1
        if batch and (gap or len(batch) >= max_n):
            yield _batch(point, batch)
            batch = []
        batch.append(cell)
    if batch:
        yield _batch(point, batch)


def _batch(point: Point, cells: Sequence[tuple[int, int]]) -> Batch:
    samples, positions = zip(*cells, strict=True)
    return Batch(point, samples, positions)
