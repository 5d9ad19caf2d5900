"""What the runs of a process share."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from promptgrid.calls.pace import Pace
from promptgrid.endpoint import Endpoint


@dataclass
class Shared:
    """The pace of each endpoint, and the samples that one of the runs is asking for, which no other asks for
    meanwhile."""

    paces: dict[str, Pace] = field(default_factory=dict)
    under_way: set[tuple[str, int]] = field(default_factory=set)
    _allowed: dict[str, list[int]] = field(default_factory=dict)  # by identity: what each who asks it now allows

    @contextmanager
    def pace(self, endpoint: Endpoint, most: int) -> Iterator[Pace]:
        """The pace at which the endpoint is asked, by its identity: another address has another, whatever it is called.

        `most` calls at a time are allowed while the block runs; the widest of what is allowed at a time holds.
        """
        pace = self.paces.setdefault(endpoint.identity, Pace(most))
        allowed = self._allowed.setdefault(endpoint.identity, [])
        allowed.append(most)
        pace.allow(max(allowed))
        try:
            yield pace
        finally:
            allowed.remove(most)
            if allowed:
                pace.allow(max(allowed))


_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Shared] = weakref.WeakKeyDictionary()


def shared_by_loop() -> Shared:
    """What the runs of the event loop that runs now share; a process has one for its runs."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Shared())
