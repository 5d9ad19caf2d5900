"""From a run's plan to what is to be sent: pending cells, found again by their names; what is stored is shown at once.

The grid is unrolled again, a few hundred cells at a time, so that a run of any size needs the memory of a small one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from promptgrid import grid
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Decided, Plan, Point
from promptgrid.runner.batches import Batch, to_batches
from promptgrid.runner.reading import read_and_score
from promptgrid.store import Database, work
from promptgrid.store.kept import Stored, stored_replies
from promptgrid.store.work import CellName, Outcome

_CELLS = 400  # a chunk

Missing = tuple[Point, list[tuple[int, int]]]
"""A point, and its cells that have no reply: (sample, position)."""


@dataclass
class Feed:
    """The batches of one endpoint's models.

    `twins` counts cells left out because a call is under way, of this run or of another, that will bring their reply
    too: feed again when that has been committed. `sent` is what this feed adds to what is under way.
    """

    database: Database
    run_id: str
    plan: Plan
    endpoint: Endpoint
    refs: Sequence[str]
    decided: Decided
    case_positions: Mapping[str, int]
    under_way: set[tuple[str, int]]
    twins: int = 0
    found: int = 0
    sent: set[tuple[str, int]] = field(default_factory=set)

    def chunks(self) -> Iterator[tuple[list[Outcome], list[Missing]]]:
        """(cells that a stored reply ends, those to ask for), chunk by chunk; reads the database."""
        points = grid.points(self.plan, {self.endpoint.name: self.endpoint}, self.decided, self.refs)
        size = max(1, _CELLS // self.plan.samples)
        while chunk := list(islice(points, size)):
            yield self._chunk(chunk)

    def _chunk(self, points: Sequence[Point]) -> tuple[list[Outcome], list[Missing]]:
        keys = list(dict.fromkeys(point.key for point in points))
        pending = work.pending(self.database, self.run_id, keys)
        if not pending:
            return [], []
        stored = stored_replies(self.database, keys, self.run_id if self.plan.fresh else None)
        shown: list[Outcome] = []
        missing: list[Missing] = []
        for point in points:
            cells: list[tuple[int, int]] = []
            for sample in range(self.plan.samples):
                position = pending.get(self._name(point, sample))
                if position is None:
                    continue
                self.found += 1
                if (reply := stored.get((point.key, sample))) is not None:
                    shown.append(self._shown(point, position, reply))
                else:
                    cells.append((sample, position))
            if cells:
                missing.append((point, cells))
        return shown, missing

    def batches(self, missing: Sequence[Missing]) -> Iterator[Batch]:
        """What of it to send; from now on it is under way. For the loop's thread, which alone knows when that ends."""
        for point, cells in missing:
            mine = [cell for cell in cells if (point.key, cell[0]) not in self.under_way]
            self.twins += len(cells) - len(mine)
            names = {(point.key, sample) for sample, _ in mine}
            self.sent |= names
            self.under_way |= names
            yield from to_batches(point, mine, self.endpoint.max_n)

    def _name(self, point: Point, sample: int) -> CellName:
        prompt, case = point.prompt, self.case_positions[point.case.id]
        return CellName(
            point.key, sample, prompt.name, prompt.version, point.technique, case, point.endpoint, point.model
        )

    def _shown(self, point: Point, position: int, stored: Stored) -> Outcome:
        reused = stored.shown or stored.run_id != self.run_id  # else this run paid for it, and was killed
        return Outcome(read_and_score(self.plan, point, position, stored.text, reused=reused), reply_id=stored.id)
