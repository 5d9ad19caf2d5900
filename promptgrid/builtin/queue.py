"""Lets one request at a time use the model, across all processes: otherwise temperature 0 is not repeatable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filelock import FileLock, Timeout

from promptgrid.builtin.server_folder import ServerFolder

POLL_S = 0.01


@asynccontextmanager
async def turn(place: ServerFolder) -> AsyncIterator[None]:
    """Waits for the model and holds it for one request.

    The first in the queue holds `next.lock`, so that a single request gets in between two requests of a long run.
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
    """Acquires the lock by polling: a thread blocked on a lock cannot be cancelled, and would acquire it after its
    caller has ended."""
    while True:
        try:
            lock.acquire(blocking=False)
            return
        except Timeout:
            await asyncio.sleep(POLL_S)
