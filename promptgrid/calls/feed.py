"""Turns a run's plan into batches to send: matches the pending cells by name and reuses stored replies.

The grid is unrolled again, a few hundred cells at a time, so that memory does not grow with the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from promptgrid import grid
from promptgrid.calls.batch import Batch, to_batches
from promptgrid.calls.score_reply import read_and_score
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Decided, Plan, Point
from promptgrid.prompt import EMPTY
from promptgrid.store import Database, commits
from promptgrid.store.commits import CellName, CellOutcome
from promptgrid.store.stored_replies import StoredReply, stored_replies

_CELLS = 400  # cells per chunk

SampleName = tuple[str, int]
"""The key of a point and the number of a sample."""


@dataclass(frozen=True, slots=True)
class SteppedCell:
    """One pending cell of a technique that makes several calls; `point` has its first call, `first` the stored reply to
    it (None: there is none)."""

    plan: Plan
    point: Point
    sample: int
    position: int
    first: StoredReply | None = None

    @property
    def names(self) -> list[SampleName]:
        """The (key, sample number) of the cell's first call."""
        return [(self.point.key, self.sample)]


Payload = Batch | SteppedCell
"""What a run sends next: a call for some cells, or a cell that makes several calls."""

PendingCells = tuple[Point, list[tuple[int, int]]]
"""A point and its pending cells, as (sample, position)."""


@dataclass
class Feed:
    """Yields the calls that a run still has to send to one endpoint, for the endpoint's models `refs` (ENDPOINT/MODEL).

    matched       number of cells of the plan that are pending in the run
    duplicates    number of cells left out because a call in flight, of this run or another, may bring the same reply;
                  once that reply is committed, another feed must look these cells up
    in_flight     (key of the call, sample number) of all that the runs of this process are sending
    claimed       those of them that this feed has added and not released
    endpoints     the endpoints of the run, by name: steps of chains may ask others than `endpoint`
    """

    database: Database
    run_id: str
    plan: Plan
    endpoint: Endpoint
    refs: Sequence[str]
    decided: Decided
    in_flight: set[SampleName]
    endpoints: Mapping[str, Endpoint] = field(default_factory=lambda: EMPTY)
    duplicates: int = 0
    matched: int = 0
    claimed: set[SampleName] = field(default_factory=set)

    def chunks(self) -> Iterator[list[PendingCells]]:
        """Yields the run's pending cells with their points, a few hundred at a time; each step reads the database."""
        points = grid.points(self.plan, {**self.endpoints, self.endpoint.name: self.endpoint}, self.decided, self.refs)
        size = max(1, _CELLS // self.plan.samples)
        while chunk := list(islice(points, size)):
            by_point: dict[CellName, list[tuple[int, int]]] = defaultdict(list)
            of_cases = list({point.case_position for point in chunk})
            keys = list({point.key for point in chunk})
            for name, position in commits.pending(self.database, self.run_id, of_cases, keys).items():
                by_point[name._replace(sample=0)].append((name.sample, position))
            yield [(point, sorted(cells)) for point in chunk if (cells := by_point.get(self._name(point)))]

    def claim(self, chunk: Sequence[PendingCells]) -> list[PendingCells]:
        """Adds to `in_flight` those cells of the chunk that are not in it, so that no other run sends them, and returns
        them. Only the event loop's thread may call it."""
        free = []
        for point, cells in chunk:
            mine = [cell for cell in cells if (point.key, cell[0]) not in self.in_flight]
            self.matched += len(cells)
            self.duplicates += len(cells) - len(mine)
            names = {(point.key, sample) for sample, _ in mine}
            self.claimed |= names
            self.in_flight |= names
            if mine:
                free.append((point, mine))
        return free

    def claim_call(self, name: SampleName) -> bool:
        """Claims a call of a cell that makes several, and tells whether it was free: neither this run nor another one
        is sending it. Only the event loop's thread may call it."""
        if name in self.in_flight:
            return False
        self.claimed.add(name)
        self.in_flight.add(name)
        return True

    def release(self, names: Collection[SampleName] | None = None) -> None:
        """Removes the samples `names` that this feed has claimed (None: all of them) from `in_flight`. Call it when
        their replies are committed, or when none will come."""
        released = self.claimed.intersection(self.claimed if names is None else names)
        self.in_flight -= released
        self.claimed -= released  # a later release must not drop the claims of another run

    def look_up(self, claimed: Sequence[PendingCells]) -> tuple[list[CellOutcome], list[Payload]]:
        """Looks for stored replies to claimed cells. Returns (results of the cells that have one, batches to send for
        the others). The cells must be claimed before, so that a reply that another run stores in the meantime is found.
        Of a cell that makes several calls only the first is looked up here.
        """
        keys = list({point.key for point, _ in claimed})
        stored = stored_replies(self.database, keys, self.run_id if self.plan.fresh else None)
        reused: list[CellOutcome] = []
        batches: list[Payload] = []
        for point, cells in claimed:
            if point.most_calls > 1:
                batches += [SteppedCell(self.plan, point, sample, position, stored.get((point.key, sample)))
                            for sample, position in cells]  # fmt: skip
                continue
            replies = {sample: stored.get((point.key, sample)) for sample, _ in cells}
            reused += [self._outcome(point, at, reply) for sample, at in cells if (reply := replies[sample])]
            unanswered = [cell for cell in cells if replies[cell[0]] is None]
            batches += to_batches(self.plan, point, unanswered, self.endpoint.max_n)
        return reused, batches

    def release_reused(self, claimed: Sequence[PendingCells], batches: Sequence[Payload]) -> None:
        """Releases those claimed cells for which `look_up` has found a stored reply: all that are in none of its
        batches."""
        names = {(point.key, sample) for point, cells in claimed for sample, _ in cells}
        self.release(names.difference(*(batch.names for batch in batches)))

    def _name(self, point: Point) -> CellName:
        """Returns the name of the cell of the point's first sample."""
        name, version, case = point.prompt.name, point.prompt.version, point.case_position
        place = (point.endpoint, point.model, point.context.id)
        return CellName(point.key, 0, name, version, point.technique, case, *place)

    def _outcome(self, point: Point, position: int, reply: StoredReply) -> CellOutcome:
        reused = reply.shown or reply.run_id != self.run_id  # otherwise this run paid for the reply, and was killed
        result = read_and_score(
            self.plan, point, position, reply.text, reply.reasoning, tool_calls=reply.tool_calls, reused=reused
        )
        return CellOutcome(result, reply_id=reply.id)
