"""Rate limits as OpenAI has them: token buckets, told in headers on every reply, 429 with Retry-After when empty."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator


class Bucket:
    """Holds `burst` at most and gains `per_s` a second. `what` is requests or tokens."""

    def __init__(self, what: str, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.what, self.per_s, self.burst = what, per_s, burst
        self._clock, self._level, self._at = clock, burst, clock()

    @property
    def level(self) -> float:
        now = self._clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.per_s)
        self._at = now
        return self._level

    def wait_s(self, amount: float) -> float:
        """Seconds until `amount` can be taken; 0 when it can now. More than the burst counts as the burst."""
        return max(min(amount, self.burst) - self.level, 0.0) / self.per_s

    def take(self, amount: float) -> None:
        """To be asked for only where `wait_s` is 0."""
        self._level = self.level - min(amount, self.burst)

    def headers(self) -> Iterator[tuple[str, str]]:
        """What the bucket holds now, and when it is full again."""
        yield f"x-ratelimit-limit-{self.what}", f"{self.burst:.0f}"
        yield f"x-ratelimit-remaining-{self.what}", f"{math.floor(self.level)}"
        yield f"x-ratelimit-reset-{self.what}", duration((self.burst - self.level) / self.per_s)


def duration(seconds: float) -> str:
    """As OpenAI writes it: 20ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{math.ceil(rest)}s" if minutes else f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
