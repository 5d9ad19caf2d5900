"""Writes the replies, results and attempts of a run in progress to the database, in groups that share a commit.

One fsync covers everything written within 50 ms. A reply is shown, and a call with a budget is sent, only after its
group is on disk. If the process is killed before that, the replies are in the files of `unsaved`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from promptgrid.calls.rate import Rate
from promptgrid.calls.unsaved import UnsavedReplies
from promptgrid.errors import StoreError
from promptgrid.store import Database, commits
from promptgrid.store.attempts import Attempt
from promptgrid.store.commits import CellOutcome, Group
from promptgrid.store.database import Row
from promptgrid.store.documents.retrieved import CellContext
from promptgrid.store.steps import StepRecord

_GROUP_S = 0.05
_RESERVE_S = 0.005  # shorter, since a call waits for its reservation
_FULL_DISK_S = 30.0  # how long a paid reply stays in memory while nothing can be written
_RETRY_S = 1.0
_BIGGEST = 2000  # entries per commit, so that other writers get a turn

log = logging.getLogger("promptgrid.runner")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry to write to the database: how cells ended, and failed attempts.

    outcomes   returns how cells ended; called in the writing thread, since reading and scoring a reply can take long
    replies    the new replies of these outcomes; without `outcomes`, no cell shows them
    steps      calls of cells whose technique makes several; their new replies are among `replies`
    settled    id of the reservation of cost that this entry ends; None: there is none
    retried    number of failed attempts that are made again
    found      what was retrieved for cells while they are carried out
    committed  called in the event loop's thread once this entry and all earlier ones are on disk
    """

    outcomes: Callable[[], Sequence[CellOutcome]] | None = None
    replies: Sequence[Row] = ()
    steps: Sequence[StepRecord] = ()
    attempts: Sequence[Attempt] = ()
    settled: int | None = None
    retried: int = 0
    found: Sequence[CellContext] = ()
    committed: Callable[[], object] | None = None


@dataclass
class Journal:
    """Writes the replies, results and attempts of a run to the database. `epoch` is the number of the runner's claim on
    the run; None if judges write to a run that is not in progress. `live` is called at each commit and returns figures
    to show while the run is in progress; `on_trouble` is called with the error when writing fails, to stop sending."""

    database: Database
    run_id: str
    epoch: int | None
    live: Callable[[], Mapping[str, Any] | None]
    on_trouble: Callable[[StoreError], None]  # called when writing fails, to stop sending
    _entries: asyncio.Queue[JournalEntry | None] = field(default_factory=asyncio.Queue)
    _reservations: list[tuple[Attempt, asyncio.Future[int]]] = field(default_factory=list)
    _urgent: asyncio.Event = field(default_factory=asyncio.Event)
    rate: Rate = field(default_factory=Rate)

    def __post_init__(self) -> None:
        self._unsaved = UnsavedReplies(self.run_id, self.epoch)

    def write(self, entry: JournalEntry) -> None:
        """Queues the entry and returns at once; entries are committed in order. From then on its new replies survive
        even a killed process."""
        if entry.replies:
            # An entry with attempts keeps its reservation: the file has no attempts to replace it.
            self._unsaved.add(entry.replies, None if entry.attempts else entry.settled)
        self._entries.put_nowait(entry)

    async def reserve(self, attempt: Attempt) -> int:
        """Writes the reserved cost of a call (`attempt`) and waits until it is on disk. Returns the id of the
        reservation; an entry with this id as `JournalEntry.settled` ends it."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reservations.append((attempt, future))
        self._urgent.set()
        self._entries.put_nowait(JournalEntry())
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # the reservation was granted just before the cancellation
                self.write(JournalEntry(settled=future.result()))
            raise

    async def flush(self) -> None:
        """Waits until all earlier entries are committed."""
        await self._entries.join()

    def close(self) -> None:
        """Ends the journal after the entries queued so far: `run` then returns."""
        self._entries.put_nowait(None)

    async def run(self) -> None:
        """Commits queued entries until the journal is closed. Raises Fenced if another runner owns the run, StoreError
        if no write succeeds for half a minute."""
        is_open = True
        while is_open or not self._entries.empty():
            group = [await self._entries.get()]
            if group[0] is not None:
                await self._wait_for_others()
            while not self._entries.empty() and len(group) < _BIGGEST:
                group.append(self._entries.get_nowait())
            is_open = is_open and None not in group
            self._unsaved.start_file()
            complete = self._entries.empty()
            await self._commit([entry for entry in group if entry is not None])
            if complete:
                self._unsaved.clear()
            for _ in group:
                self._entries.task_done()

    async def _wait_for_others(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_GROUP_S):
                await self._urgent.wait()
                await asyncio.sleep(_RESERVE_S)
        self._urgent.clear()

    async def _commit(self, entries: Sequence[JournalEntry]) -> None:
        reservations, self._reservations = [(a, future) for a, future in self._reservations if not future.done()], []
        give_up_at = time.monotonic() + _FULL_DISK_S
        outcomes: list[CellOutcome] = []
        attempts = [attempt for attempt, _ in reservations]
        while True:
            try:
                live = self.live()  # not in the writing thread: the figures belong to the loop's thread
                ids, new = await asyncio.to_thread(self._write, outcomes, entries, attempts, live)
            except StoreError as error:
                self.on_trouble(error)
                if time.monotonic() > give_up_at:
                    raise
                log.error("run %s: %s", self.run_id, error)
                await asyncio.sleep(_RETRY_S)
            else:
                break
        for entry in entries:
            if entry.committed is not None:
                entry.committed()
        if new:
            self.rate.add(new)
        for id_, (_, future) in zip(ids, reservations, strict=True):
            if future.done():  # the call was cancelled and sends nothing
                self.write(JournalEntry(settled=id_))
            else:
                future.set_result(id_)

    def _write(
        self, outcomes: list[CellOutcome], entries: Sequence[JournalEntry], reservations: Sequence[Attempt],
        live: Mapping[str, Any] | None,
    ) -> tuple[list[int], int]:  # fmt: skip
        """Commits these entries, reservations and `live` figures in one transaction. Returns (ids of the reservations,
        number of new replies).

        The cells' outcomes are computed into the list `outcomes` unless it holds them already: a caller that repeats a
        failed commit passes the same list, so that no reply is scored twice.
        """
        if not outcomes:
            outcomes += [outcome for entry in entries if entry.outcomes for outcome in entry.outcomes()]
        group = Group(
            outcomes=outcomes,
            replies=[row for entry in entries if entry.outcomes is None for row in entry.replies],
            steps=[step for entry in entries for step in entry.steps],
            attempts=[attempt for entry in entries for attempt in entry.attempts],
            settled=[entry.settled for entry in entries if entry.settled is not None],
            retried=sum(entry.retried for entry in entries),
            live=live,
            found=[context for entry in entries for context in entry.found],
        )
        ids = commits.commit(self.database, self.run_id, self.epoch, group, reservations)
        return ids, len(group.replies) + sum(outcome.reply is not None for outcome in outcomes)
