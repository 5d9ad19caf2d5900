"""The background event loop of this process, and how synchronous code uses it.

Pages and the command line are synchronous, endpoints are not: `run_sync` runs a call on one background loop, where
connections stay open between calls. A `Background` call runs there too, while other code draws its state.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

LOOP_THREAD = "promptgrid-loop"


@cache
def background() -> asyncio.AbstractEventLoop:
    """The background loop of this process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=LOOP_THREAD, daemon=True).start()
    return loop


def current() -> asyncio.AbstractEventLoop:
    """The running loop of this thread, else the background loop."""
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
    """Starts a coroutine on the background loop; the future brings its result, and can cancel it."""
    return asyncio.run_coroutine_threadsafe(coroutine, background())


async def gather(coroutines: Sequence[Coroutine[Any, Any, T] | asyncio.Task[T]]) -> list[T]:
    """The results of all tasks that were not cancelled. The first error cancels the rest and is raised as it is, where
    a TaskGroup would wrap it."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await cancel(*tasks)
    return [task.result() for task in tasks if not task.cancelled()]


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancels the tasks and waits until they have ended; their errors are not raised. Where the caller is cancelled
    meanwhile, that is raised once they have ended."""
    for task in tasks:
        task.cancel()
    cancellation: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation


@dataclass(kw_only=True)
class Background:
    """A call on the background loop. `began` is by the monotonic clock; `stopped` is set by `stop`."""

    stopped: bool = False
    began: float = field(default_factory=time.monotonic)
    _future: concurrent.futures.Future[None] | None = field(default=None, init=False, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    @property
    def running(self) -> bool:
        """True from its start to its end."""
        return self._future is not None and not self._future.done()

    @property
    def error(self) -> BaseException | None:
        """The error that ended it; None while it runs, and where it was stopped."""
        future = self._future
        return None if future is None or not future.done() or future.cancelled() else future.exception()

    def stop(self) -> None:
        """Cancels the call. What has been received stays, and is stored before it ends."""
        self.stopped = True
        if self._task is not None:  # not the future: it would be done at once
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def wait(self, seconds: float) -> None:
        """Waits until it has ended, with or without an error, for at most `seconds`."""
        if self._future is not None:
            concurrent.futures.wait([self._future], seconds)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._future = start(self._unless_stopped(work))

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.current_task()  # before `stopped` is read: `stop` sets it before it reads the task
        if self.stopped:
            work.close()
        else:
            await work
