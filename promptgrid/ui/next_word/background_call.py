"""A call that a page has started, with its results so far."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from promptgrid.loop import Background

T = TypeVar("T")


@dataclass
class BackgroundCall(Background, Generic[T]):
    """`items` are the results so far, `about` is what they are for, and `took` the seconds after the end."""

    about: Any
    items: list[T] = field(default_factory=list)
    took: float = 0.0

    def start(self, source: AsyncIterator[T] | Coroutine[Any, Any, T]) -> None:
        """Starts the call. The result of a coroutine is its only item."""
        self._start(self._collect(source))

    async def _collect(self, source: AsyncIterator[T] | Coroutine[Any, Any, T]) -> None:
        try:
            if isinstance(source, Coroutine):
                self.items.append(await source)
                return
            async for item in source:
                self.items.append(item)
        finally:
            self.took = time.monotonic() - self.began
