"""Measures how fast the replies of a run come in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 20.0
_FEWEST = 5  # groups of replies: a model that takes longer than the window has a rate too


class Rate:
    """The number of replies per second over the last 20 seconds, or over the last five groups of replies if these took
    longer. The time before the first call is sent does not count. `clock` returns the time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._groups: deque[tuple[float, int]] = deque()  # (when it came, number of replies)
        self._since: float | None = None  # the sum of the groups came in after this time
        self._first_wave = True

    def start(self) -> None:
        """Starts the measurement; call it when a call is sent. Later calls change nothing."""
        if self._since is None:
            self._since = self._clock()

    def add(self, replies: int) -> None:
        self.start()
        self._groups.append((self._clock(), replies))

    def per_second(self, in_flight: int) -> float:
        """Returns the replies per second; 0 until as many replies have come in as there are calls `in_flight`, since
        the first of many parallel calls says nothing about the others."""
        count = sum(replies for _, replies in self._groups)
        if self._since is None or not count or (self._first_wave and count < in_flight):
            return 0.0
        self._first_wave = False
        now = self._clock()
        while len(self._groups) > _FEWEST and self._groups[0][0] < now - WINDOW_S:
            self._since, replies = self._groups.popleft()
            count -= replies
        return count / max(now - self._since, 0.05)
