"""Asynchronous streams, read by synchronous tests."""

from __future__ import annotations

import asyncio
import queue
from typing import TYPE_CHECKING, TypeVar

from promptgrid.loop import run_sync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

T = TypeVar("T")

CLOSE_S = 5.0


def iterate_sync(source: AsyncIterator[T]) -> Iterator[T]:
    """The items of an asynchronous iterator, read on the background loop. Closing this iterator cancels the source.

    One task reads the whole source, since the resources that it holds open may belong to that task.
    """
    items: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()
    task = run_sync(_started(source, items))
    try:
        while (item := items.get()) is not None:
            yield item[0]
        run_sync(_finished(task))
    finally:
        run_sync(_cancelled(task))


async def _started(source: AsyncIterator[T], items: queue.SimpleQueue[tuple[T] | None]) -> asyncio.Task[None]:
    task = asyncio.create_task(_pump(source, items))
    task.add_done_callback(lambda _: items.put(None))
    return task


async def _pump(source: AsyncIterator[T], items: queue.SimpleQueue[tuple[T] | None]) -> None:
    try:
        async for item in source:
            items.put((item,))
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _finished(task: asyncio.Task[None]) -> None:
    """Raises what the source raised."""
    await task


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=CLOSE_S)
