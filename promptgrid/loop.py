"""The event loop in the background of this process, and how synchronous code uses it.

Pages and the command line are synchronous, endpoints are not: `run_sync` and `iterate_sync` carry calls to one
background loop of this process, where the connections stay open between calls. A `Background` call runs there too,
beside the code that draws it or waits for it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

LOOP_THREAD = "promptgrid-loop"

CLOSE_S = 5.0


@cache
def background() -> asyncio.AbstractEventLoop:
    """The background loop of this process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=LOOP_THREAD, daemon=True).start()
    return loop


def current() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return background()


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on the background loop and waits for it; Ctrl+C cancels it. Not from within that loop."""
    if threading.current_thread().name == LOOP_THREAD:
        coroutine.close()
        raise RuntimeError("run_sync waits for the background loop and was called from it: await instead")
    future = start(coroutine)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def start(coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Sets a coroutine going on the background loop; the future has its result, and cancels it."""
    return asyncio.run_coroutine_threadsafe(coroutine, background())


def iterate_sync(source: AsyncIterator[T]) -> Iterator[T]:
    """The items of an asynchronous iterator, read on the background loop. Closing this iterator cancels the source.

    One task reads the source from its beginning to its end, since what it holds open may belong to that task.
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


@dataclass(kw_only=True)
class Background:
    """What the kinds of such calls have in common. `began` by the monotonic clock; `stopped`: by `stop`."""

    stopped: bool = False
    began: float = field(default_factory=time.monotonic)
    _future: concurrent.futures.Future[None] | None = field(default=None, init=False, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    @property
    def running(self) -> bool:
        """From its start until its last line is done."""
        return self._future is not None and not self._future.done()

    @property
    def error(self) -> BaseException | None:
        """What ended it; None as long as it runs, and where it was stopped."""
        future = self._future
        return None if future is None or not future.done() or future.cancelled() else future.exception()

    def stop(self) -> None:
        """Closes its connections; what has come stays. It runs on until that is stored."""
        self.stopped = True
        if self._task is not None:  # the future would be done at once
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def wait(self, seconds: float) -> None:
        """Until it has ended, well or badly, but no longer than so many seconds."""
        if self._future is not None:
            concurrent.futures.wait([self._future], seconds)

    def _set_going(self, work: Coroutine[Any, Any, None]) -> None:
        self._future = start(self._unless_stopped(work))

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.current_task()  # before the look: `stop` says so first, and then looks for the task
        if self.stopped:
            work.close()
        else:
            await work
