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
    """Waits until no other process has a request at the model, and holds the model for the `async with` block, which
    sends one request. `place` is the server's folder, which holds the locks.

    A process acquires `next.lock` before it waits for the turn, so that it gets the next turn even if another process
    sends one request after another, as in a long run.
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
    """Acquires the lock by trying again and again. A thread that blocks on a lock could not be cancelled, and would
    take the lock after the caller has ended."""
    while True:
        try:
            lock.acquire(blocking=False)
            return
        except Timeout:
            await asyncio.sleep(POLL_S)
