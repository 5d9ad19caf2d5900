"""Lets requests use the model in turn, across all processes: as many at a time as it has seats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filelock import FileLock, Timeout

from promptgrid.builtin.server_folder import SEATS, ServerFolder

POLL_S = 0.01


@asynccontextmanager
async def turn(place: ServerFolder, seats: int = SEATS) -> AsyncIterator[None]:
    """Waits until `seats` of the model are free, and holds them for the `async with` block, which sends one
    request; with all seats the request is alone. `place` is the server's folder, which holds the locks.

    A process acquires `next.lock` before it waits for seats, so that it gets the next free ones even if another process
    sends one request after another, as in a long run; and so that no two wait for each other's.
    """
    following, held = place.lock("next"), list[FileLock]()
    try:
        await _acquire([following], 1)
        await _acquire(place.seats(), min(seats, SEATS), held)
        following.release()
        yield
    finally:
        following.release()
        for lock in held:
            lock.release()


async def _acquire(locks: list[FileLock], count: int, held: list[FileLock] | None = None) -> None:
    """Acquires `count` of the locks by trying again and again, and appends them to `held`. A thread that blocks on a
    lock could not be cancelled, and would take the lock after the caller has ended."""
    held = [] if held is None else held
    while True:
        for lock in locks:
            if len(held) < count and not lock.is_locked and _acquired(lock):
                held.append(lock)
        if len(held) >= count:
            return
        await asyncio.sleep(POLL_S)


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
