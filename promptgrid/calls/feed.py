"""From a run's plan to what is to be sent: pending cells, found again by their names; what is stored is shown at once.

The grid is unrolled again, a few hundred cells at a time, so that a run of any size needs the memory of a small one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from promptgrid import grid
from promptgrid.calls.batch import Batch, to_batches
from promptgrid.calls.score_reply import read_and_score
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Decided, Plan, Point
from promptgrid.store import Database, commits
from promptgrid.store.commits import CellName, CellOutcome
from promptgrid.store.stored_replies import StoredReply, stored_replies

_CELLS = 400  # a chunk

Wanted = tuple[Point, list[tuple[int, int]]]
"""A point, and those of its cells that have no result: (sample, position)."""


@dataclass
class Feed:
    """The batches of one endpoint's models.

    `twins` counts cells left out because a call is under way, of this run or of another, that may bring their reply
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

    def chunks(self) -> Iterator[list[Wanted]]:
        """What has no result yet, some hundred cells at a time; reads the database."""
        points = grid.points(self.plan, {self.endpoint.name: self.endpoint}, self.decided, self.refs)
        size = max(1, _CELLS // self.plan.samples)
        while chunk := list(islice(points, size)):
            pending = commits.pending(self.database, self.run_id, list({point.key for point in chunk}))
            yield [(point, cells) for point in chunk if (cells := self._pending(point, pending))]

    def _pending(self, point: Point, pending: Mapping[CellName, int]) -> list[tuple[int, int]]:
        found = ((sample, pending.get(self._name(point, sample))) for sample in range(self.plan.samples))
        return [(sample, position) for sample, position in found if position is not None]

    def claim(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Those of it that nobody is asking for: from now on this feed is. For the loop's thread alone."""
        claimed = []
        for point, cells in wanted:
            mine = [cell for cell in cells if (point.key, cell[0]) not in self.under_way]
            self.found += len(cells)
            self.twins += len(cells) - len(mine)
            names = {(point.key, sample) for sample, _ in mine}
            self.sent |= names
            self.under_way |= names
            if mine:
                claimed.append((point, mine))
        return claimed

    def look_up(self, claimed: Sequence[Wanted]) -> tuple[list[CellOutcome], list[Batch]]:
        """(cells that a stored reply ends, what to send). Reads the database, after the claim: what another run got in
        the meantime is there."""
        keys = list({point.key for point, _ in claimed})
        stored = stored_replies(self.database, keys, self.run_id if self.plan.fresh else None)
        shown: list[CellOutcome] = []
        batches: list[Batch] = []
        for point, cells in claimed:
            kept = {sample: stored.get((point.key, sample)) for sample, _ in cells}
            shown += [self._shown(point, at, reply) for sample, at in cells if (reply := kept[sample])]
            batches += to_batches(
                self.plan, point, [cell for cell in cells if kept[cell[0]] is None], self.endpoint.max_n
            )
        return shown, batches

    def _name(self, point: Point, sample: int) -> CellName:
        prompt, case = point.prompt, self.case_positions[point.case.id]
        return CellName(
            point.key, sample, prompt.name, prompt.version, point.technique, case, point.endpoint, point.model
        )

    def _shown(self, point: Point, position: int, stored: StoredReply) -> CellOutcome:
        reused = stored.shown or stored.run_id != self.run_id  # else this run paid for it, and was killed
        return CellOutcome(read_and_score(self.plan, point, position, stored.text, reused=reused), reply_id=stored.id)
