"""One request at a time across all processes: temperature 0 is repeatable only so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filelock import FileLock, Timeout

from promptgrid.builtin.server_folder import ServerFolder

POLL_S = 0.01


@asynccontextmanager
async def turn(place: ServerFolder) -> AsyncIterator[None]:
    """Holds the model for one request.

    A waiting caller holds `next.lock`, so that a single request gets in between two requests of a long run.
    """
    following, mine = place.lock("next"), place.lock("turn")
    try:
        await _acquire(following)
        await _acquire(mine)
        following.release()
        yield
    finally:
        following.release()
        mine.release()


async def _acquire(lock: FileLock) -> None:
    """Polls: a thread that waits for a lock cannot be cancelled, and would take it after its caller has ended."""
    while True:
        try:
            lock.acquire(blocking=False)
            return
        except Timeout:
            await asyncio.sleep(POLL_S)
