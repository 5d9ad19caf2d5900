"""From the cells of a run to what is sent: cells found answered, and batches of samples that go out as one request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from promptgrid.endpoint import Endpoint, Request
from promptgrid.grid import Cell


@dataclass(frozen=True, slots=True)
class Sample:
    """One reply to get: its key, and the cells that will show it.

    Chain-of-thought and self-consistency ask the same thing: one reply, two cells.
    """

    key: str
    cells: tuple[Cell, ...]

    @property
    def first(self) -> Cell:
        return self.cells[0]


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one request, sent together with `n` where the endpoint honours it."""

    samples: tuple[Sample, ...]

    @property
    def cell(self) -> Cell:
        """The cell that the request is taken from: the first sample's, with its seed."""
        return self.samples[0].first

    @property
    def request(self) -> Request:
        return replace(self.cell.request, n=len(self.samples))


def to_samples(cells: Iterable[Cell]) -> list[Sample]:
    """The cells by key, in the order in which the keys first appear."""
    by_key: dict[str, list[Cell]] = {}
    for cell in cells:
        by_key.setdefault(cell.key, []).append(cell)
    return [Sample(key, tuple(same)) for key, same in by_key.items()]


def to_batches(samples: Sequence[Sample], endpoints: Mapping[str, Endpoint]) -> Iterator[Batch]:
    """Neighbouring samples of the same request together, at most `max_n` of them; seeded ones only without a gap."""
    batch: list[Sample] = []
    for sample in samples:
        if batch and not _joins(batch, sample, endpoints[sample.first.endpoint].max_n):
            yield Batch(tuple(batch))
            batch = []
        batch.append(sample)
    if batch:
        yield Batch(tuple(batch))


def _joins(batch: Sequence[Sample], sample: Sample, max_n: int) -> bool:
    last, next_ = batch[-1].first, sample.first
    if len(batch) >= max_n or last.batch_key != next_.batch_key:
        return False
    return next_.request.seed is None or next_.sample == last.sample + 1
