"""Holds what the runs of a process share: the pace of each endpoint, and the samples in flight."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from promptgrid.calls.pace import Pace
from promptgrid.endpoint import Endpoint


@dataclass
class Shared:
    """What the runs of a process share: the pace of each endpoint, by its identity, and the samples being sent. While
    (key of the call, sample number) is in `in_flight`, no other run sends it. `run_ids` are the runs in progress."""

    paces: dict[str, Pace] = field(default_factory=dict)
    in_flight: set[tuple[str, int]] = field(default_factory=set)
    run_ids: set[str] = field(default_factory=set)
    _allowed: dict[str, list[int]] = field(default_factory=dict)  # by identity: the limit of each run in progress
    _others: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def pace(self, endpoint: Endpoint, most: int) -> Iterator[Pace]:
        """Yields the pace of the endpoint; endpoints with the same identity share one.

        During the `with` block, `most` calls may be in flight; if several blocks run, the largest of their limits
        applies. Other hosts that call the endpoint get an equal share of them each.
        """
        pace = self.paces.setdefault(endpoint.identity, Pace(most))
        allowed = self._allowed.setdefault(endpoint.identity, [])
        allowed.append(most)
        self._limit(endpoint.identity)
        try:
            yield pace
        finally:
            allowed.remove(most)
            self._limit(endpoint.identity)

    @property
    def calling(self) -> set[str]:
        """The identities of the endpoints that runs of this process call now."""
        return {identity for identity, allowed in self._allowed.items() if allowed}

    def share(self, callers: Mapping[str, int]) -> None:
        """Sets how many other hosts call an endpoint, by its identity."""
        self._others = callers
        for identity in self._allowed:
            self._limit(identity)

    def _limit(self, identity: str) -> None:
        if allowed := self._allowed[identity]:
            self.paces[identity].allow(max(1, max(allowed) // (1 + self._others.get(identity, 0))))


_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Shared] = weakref.WeakKeyDictionary()


def shared_by_loop() -> Shared:
    """Returns the `Shared` of the running event loop; all runs of a process use one loop."""
    return _by_loop.setdefault(asyncio.get_running_loop(), Shared())
