"""A call that a page has set going: it runs beside the page's own reruns, tells how far it is, and can be stopped."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from promptgrid import connections

T = TypeVar("T")


@dataclass
class Job(Generic[T]):
    """What comes of it, piece by piece, on the engine's loop. `about` tells what it was asked for."""

    about: Any
    items: list[T] = field(default_factory=list)
    stopped: bool = False
    began: float = field(default_factory=time.monotonic)
    took: float = 0.0
    _future: concurrent.futures.Future[None] | None = None

    @property
    def running(self) -> bool:
        return self._future is not None and not self._future.done()

    @property
    def error(self) -> BaseException | None:
        """What ended it; None as long as it runs, and where it was stopped."""
        future = self._future
        return None if future is None or not future.done() or future.cancelled() else future.exception()

    def start(self, source: AsyncIterator[T] | Coroutine[Any, Any, T]) -> None:
        """Sets it going; of a coroutine the result is the only item."""
        self._future = connections.start(self._collect(source))

    def wait(self, seconds: float) -> None:
        """Until it has ended, but no longer than so many seconds."""
        if self._future is not None:
            with suppress(concurrent.futures.TimeoutError, concurrent.futures.CancelledError, Exception):
                self._future.result(seconds)

    def stop(self) -> None:
        """What has come stays."""
        self.stopped = True
        if self._future is not None:
            self._future.cancel()

    async def _collect(self, source: AsyncIterator[T] | Coroutine[Any, Any, T]) -> None:
        try:
            if isinstance(source, Coroutine):
                self.items.append(await source)
                return
            async for item in source:
                self.items.append(item)
        finally:
            self.took = time.monotonic() - self.began
