"""A call that is set going and then looked at: it runs on the engine's loop, beside whatever draws or waits for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from promptgrid import connections


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
        self._future = connections.start(self._unless_stopped(work))

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.current_task()  # before the look: `stop` says so first, and then looks for the task
        if self.stopped:
            work.close()
        else:
            await work
