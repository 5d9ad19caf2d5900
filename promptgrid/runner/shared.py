"""What the runs of a process share."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass, field

from promptgrid.endpoint import Endpoint
from promptgrid.runner.pace import Pace


@dataclass
class Shared:
    """The pace of each endpoint, where the widest of what the runs allow holds, and the samples that one of them is
    asking for, which no other asks for meanwhile."""

    paces: dict[str, Pace] = field(default_factory=dict)
    under_way: set[tuple[str, int]] = field(default_factory=set)
    _allowed: dict[tuple[str, str], int] = field(default_factory=dict)

    def pace(self, endpoint: Endpoint, run_id: str, most: int) -> Pace:
        """By the endpoint's identity: another address is asked at another pace, whatever it is called."""
        self._allowed[endpoint.identity, run_id] = most
        pace = self.paces.setdefault(endpoint.identity, Pace(most))
        pace.allow(self._most(endpoint.identity, most))
        return pace

    def forget(self, run_id: str) -> None:
        """The run has ended: what it allowed counts no more."""
        self._allowed = {key: number for key, number in self._allowed.items() if key[1] != run_id}
        for identity, pace in self.paces.items():
            pace.allow(self._most(identity, pace.window.most))

    def _most(self, identity: str, default: int) -> int:
        return max((number for (asked, _), number in self._allowed.items() if asked == identity), default=default)


_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Shared] = weakref.WeakKeyDictionary()


def shared_by_loop() -> Shared:
    """What the runs of the event loop that runs now share; a process has one for its runs."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Shared())
