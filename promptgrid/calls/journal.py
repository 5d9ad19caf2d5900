"""What a run writes down while it works: replies, results and attempts, in groups that share a commit.

One fsync serves all that comes within 50 ms; nothing is shown, and no budgeted call is sent, before its group is on the
disk. A killed process loses nothing meanwhile: see `rescue`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from promptgrid.calls.unsaved import Rescue
from promptgrid.errors import StoreError
from promptgrid.store import Database, commits
from promptgrid.store.attempts import Attempt
from promptgrid.store.commits import CellOutcome, Group
from promptgrid.store.database import Row

_GROUP_S = 0.05
_RESERVE_S = 0.005  # a call waits for its reservation
_FULL_DISK_S = 30.0  # so long a paid reply waits in memory for the disk to take it
_TRY_AGAIN_S = 1.0
_RATE_S = 20.0
_BIGGEST = 2000  # entries a commit: others want to write too

log = logging.getLogger("promptgrid.runner")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing to write: how cells ended, attempts that failed, and the reservation that is settled by it.

    `outcomes` is called in the writing thread: reading and scoring a reply may take a while. `replies` are the new ones
    among them; without `outcomes`, replies that no cell shows.
    """

    outcomes: Callable[[], Sequence[CellOutcome]] | None = None
    replies: Sequence[Row] = ()
    attempts: Sequence[Attempt] = ()
    settled: int | None = None
    retried: int = 0


@dataclass
class Journal:
    """Writes for one claim of a run, or without an `epoch` for who judges a run that rests. `live` tells what the
    runner is doing, for whoever looks on."""

    database: Database
    run_id: str
    epoch: int | None
    live: Callable[[], Mapping[str, Any] | None]
    on_trouble: Callable[[StoreError], None]  # nothing can be written: stop sending
    _entries: asyncio.Queue[JournalEntry | None] = field(default_factory=asyncio.Queue)
    _calls: list[tuple[Attempt, asyncio.Future[int]]] = field(default_factory=list)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: deque[tuple[float, int]] = field(default_factory=deque)
    _begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._rescue = Rescue(self.run_id, self.epoch)

    def write(self, entry: JournalEntry) -> None:
        """To be committed within a moment, in the order of the calls; new replies are safe from kill -9 at once."""
        if entry.replies:
            # The reservation of a reply that does not say what it cost stays: the rescue keeps no attempts.
            self._rescue.note(entry.replies, None if entry.attempts else entry.settled)
        self._entries.put_nowait(entry)

    async def reserve(self, call: Attempt) -> int:
        """Comes back when the reservation is on the disk; with its id, for `Entry.settled`."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._calls.append((call, future))
        self._asked.set()
        self._entries.put_nowait(JournalEntry())
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # it came at the very moment
                self.write(JournalEntry(settled=future.result()))
            raise

    async def flush(self) -> None:
        """Comes back when all that was written before is committed."""
        await self._entries.join()

    def close(self) -> None:
        """Ends `run` when all is committed."""
        self._entries.put_nowait(None)

    @property
    def per_second(self) -> float:
        """Replies that came in lately, a second."""
        now = time.monotonic()
        while self._ended and self._ended[0][0] < now - _RATE_S:
            self._ended.popleft()
        count = sum(number for _, number in self._ended)
        return count / min(max(now - self._begun, 1.0), _RATE_S)

    async def run(self) -> None:
        """Commits until closed. Raises Fenced, or StoreError when the disk took nothing for half a minute."""
        open_ = True
        while open_ or not self._entries.empty():
            group = [await self._entries.get()]
            if group[0] is not None:
                await self._wait_for_others()
            while not self._entries.empty() and len(group) < _BIGGEST:
                group.append(self._entries.get_nowait())
            open_ = open_ and None not in group
            self._rescue.turn()
            all_ = self._entries.empty()
            await self._commit([entry for entry in group if entry is not None])
            if all_:
                self._rescue.clear()
            for _ in group:
                self._entries.task_done()

    async def _wait_for_others(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_GROUP_S):
                await self._asked.wait()
                await asyncio.sleep(_RESERVE_S)
        self._asked.clear()

    async def _commit(self, entries: Sequence[JournalEntry]) -> None:
        calls, self._calls = [(call, asked) for call, asked in self._calls if not asked.done()], []
        given_up_at = time.monotonic() + _FULL_DISK_S
        read: list[CellOutcome] = []
        while True:
            try:
                live = self.live()  # here: the loop's own figures are for its own thread
                ids, new = await asyncio.to_thread(self._write, read, entries, [call for call, _ in calls], live)
            except StoreError as error:
                self.on_trouble(error)
                if time.monotonic() > given_up_at:
                    raise
                log.error("run %s: %s", self.run_id, error)
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                break
        if new:
            self._ended.append((time.monotonic(), new))
        for id_, (_, future) in zip(ids, calls, strict=True):
            if future.done():  # who asked has been cancelled: nothing will be sent
                self.write(JournalEntry(settled=id_))
            else:
                future.set_result(id_)

    def _write(
        self, outcomes: list[CellOutcome], entries: Sequence[JournalEntry], calls: Sequence[Attempt],
        live: Mapping[str, Any] | None,
    ) -> tuple[list[int], int]:  # fmt: skip
        """The ids of the reservations, and the number of new replies. `outcomes` is filled at the first try."""
        if not outcomes:
            outcomes += [outcome for entry in entries if entry.outcomes for outcome in entry.outcomes()]
        group = Group(
            outcomes=outcomes,
            replies=[row for entry in entries if entry.outcomes is None for row in entry.replies],
            attempts=[attempt for entry in entries for attempt in entry.attempts],
            settled=[entry.settled for entry in entries if entry.settled is not None],
            retried=sum(entry.retried for entry in entries),
            live=live,
        )
        ids = commits.commit(self.database, self.run_id, self.epoch, group, calls)
        return ids, len(group.replies) + sum(outcome.reply is not None for outcome in outcomes)
