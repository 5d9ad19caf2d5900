"""The background event loop of this process, by which synchronous code uses asynchronous endpoints.

`run_sync` runs a coroutine on the background loop for pages and the command line; connections stay open between calls.
A `Background` call runs on the same loop, while a page shows its state.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

LOOP_THREAD = "promptgrid-loop"
_WAIT_S = 0.2
_LATE_S = 0.1
_READ_S = 0.2
_CATCH_UP_S = 5.0


@cache
def background() -> asyncio.AbstractEventLoop:
    """Returns the event loop that runs in a thread of its own in this process; the first call starts the thread."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=LOOP_THREAD, daemon=True).start()
    return loop


def current() -> asyncio.AbstractEventLoop:
    """Returns the event loop that runs in this thread; if there is none, the background loop."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return background()


def in_loop() -> bool:
    """Whether this thread runs an event loop, so that it must not wait for a coroutine by `run_sync`."""
    return asyncio._get_running_loop() is not None


def run_sync(coroutine: Coroutine[Any, Any, T], while_waiting: Callable[[], object] | None = None) -> T:
    """Runs a coroutine on the background loop and returns its result; Ctrl+C cancels it. `while_waiting` is called in
    this thread five times a second until the coroutine has ended, and once more then; if it raises, the coroutine is
    cancelled.

    Raises RuntimeError if it is called from that loop.
    """
    if threading.current_thread().name == LOOP_THREAD:
        coroutine.close()
        raise RuntimeError("run_sync waits for the background loop and was called from it: await instead")
    future = start(coroutine)
    try:
        while while_waiting is not None:
            ended = concurrent.futures.wait([future], _WAIT_S).done
            while_waiting()
            if ended:
                break
        return future.result()
    except BaseException:
        future.cancel()
        raise


def start(coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Starts a coroutine on the background loop. The returned future gives its result, and its `cancel` cancels the
    coroutine."""
    return asyncio.run_coroutine_threadsafe(coroutine, background())


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Runs the `async with` block for at most `seconds`; then cancels the block and raises TimeoutError.

    What the block waits for may have arrived unread, so it gets another 0.2 s before it is cancelled; if the timer
    itself is late because this process was stopped (Ctrl+Z), another 5 s.
    """
    clock = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def expire(due: float) -> None:
        nonlocal timer
        if clock.time() - due < _LATE_S:
            timer = clock.call_later(_READ_S, timeout.reschedule, due)
        else:
            again = clock.time() + _CATCH_UP_S
            timer = clock.call_at(again, expire, again)

    due = clock.time() + seconds
    timer = clock.call_at(due, expire, due)
    try:
        async with asyncio.timeout(None) as timeout:
            yield
    finally:
        timer.cancel()


async def gather(coroutines: Sequence[Coroutine[Any, Any, T] | asyncio.Task[T]]) -> list[T]:
    """Runs the coroutines at once and returns the results of those that were not cancelled. The first error cancels the
    others and is raised itself; a TaskGroup would wrap it in an ExceptionGroup."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await cancel(*tasks)
    return [task.result() for task in tasks if not task.cancelled()]


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancels the tasks and waits until all have ended; does not raise their errors. If the caller is cancelled during
    the wait, raises CancelledError after the tasks have ended."""
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
    """A call that runs on the background loop, for a page that shows its state. `began` is a time.monotonic();
    `stopped` is True after `stop`. `viewers` are the ids of the page's sessions that have shown the call."""

    stopped: bool = False
    viewers: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    _future: concurrent.futures.Future[None] | None = field(default=None, init=False, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    @property
    def running(self) -> bool:
        """Whether the call has been started and has not ended yet."""
        return self._future is not None and not self._future.done()

    @property
    def error(self) -> BaseException | None:
        """The error that ended the call; None while the call is running, and if it was stopped."""
        future = self._future
        return None if future is None or not future.done() or future.cancelled() else future.exception()

    def stop(self) -> None:
        """Cancels the call and returns at once. The call may still run for a moment, for example to store the text
        received so far."""
        self.stopped = True
        if self._task is not None:  # not the future: it would be done at once
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def wait(self, seconds: float) -> None:
        """Waits until the call has ended, with or without an error, for at most `seconds`."""
        if self._future is not None:
            concurrent.futures.wait([self._future], seconds)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._future = start(self._unless_stopped(work))

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.current_task()  # set before reading `stopped`: `stop` sets `stopped` before it reads this
        if self.stopped:
            work.close()
        else:
            await work
