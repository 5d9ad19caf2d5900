"""How fast an endpoint is asked: a window of requests in flight that grows and shrinks as TCP's does, and buckets of
requests and tokens, filled as the endpoint's rate-limit headers say.

Slow start doubles the window each round trip while latency holds, then adds one; refusals (429, 503) halve it. Other
than TCP's it forgives the few by chance that vendors hand out at any pace.
Source: V. Jacobson, Congestion Avoidance and Control, 1988; the first window as in RFC 6928, a little wider.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from promptgrid.endpoint.base import Allowance, RateLimits

FIRST_WINDOW = 16
SLOW = 2.0  # times the usual latency: more in flight would only wait on the other side
SLACK_S = 0.5  # as much again may be this machine's own doing
CALM_WINDOW = 8  # latency alone never narrows the window below it: some prompts simply take longer
CHANCE = 0.08  # so small a share of refusals is no sign of a window that is too wide
MEMORY = 50  # calls that the share of refusals looks back on
NEAR = 10  # this near to where it was last halved, the window grows so many times more slowly
FORGET = 20  # round trips after which that counts no more
LONGEST_WAIT_S = 60.0

Clock = Callable[[], float]


@dataclass
class Bucket:
    """What is left of one rate limit, in requests or tokens; `rate` a second come back."""

    level: float
    limit: float
    rate: float
    at: float

    @classmethod
    def told(cls, allowance: Allowance, under_way: float, now: float) -> Bucket | None:
        """As a header says it. What is under way may not be counted in yet: taken off, to be sure."""
        if allowance.remaining is None:
            return None
        limit = float(allowance.limit or allowance.remaining)
        used, whole_in = limit - allowance.remaining, allowance.reset_s or 0.0
        rate = used / whole_in if used > 0 and whole_in > 0 else limit / LONGEST_WAIT_S
        return cls(allowance.remaining - under_way, limit, max(rate, 1e-3), now)

    def wait_s(self, amount: float, now: float) -> float:
        """How long until `amount` may be taken; one larger than the whole bucket waits for a full one."""
        missing = min(amount, self.limit) - self._level(now)
        return min(missing / self.rate, LONGEST_WAIT_S) if missing > 0 else 0.0

    def take(self, amount: float, now: float) -> None:
        self.level, self.at = self._level(now) - amount, now

    def _level(self, now: float) -> float:
        return min(self.limit, self.level + self.rate * (now - self.at))


@dataclass
class PaceWindow:
    """How many requests may be in flight; `most` is what the user allows."""

    most: int
    size: float = 0.0
    starting: bool = True  # slow start
    halved_at: float = float("inf")  # the size at which it was last halved
    _cut_at: float = float("-inf")
    _round: list[float] = field(default_factory=list)
    _round_size: int = 0  # the window when the round trip began
    _rounds: int = 0  # since it was halved
    _refused: float = 0.0  # the share of refusals lately
    _usual_s: float = float("inf")

    def __post_init__(self) -> None:
        self.size = float(min(FIRST_WINDOW, self.most))
        self._round_size = int(self.size)

    def answered(self, latency_s: float, in_flight: int) -> None:
        """A reply came; `in_flight` counts it. A window that is not filled says nothing, and does not grow."""
        self._refused -= self._refused / MEMORY
        self._round.append(latency_s)
        if len(self._round) >= self._round_size:
            self._end_round()
        if in_flight * 2 >= self.size and not self._is_slow(latency_s):
            self.size = min(self.most, self.size + self._step())

    def _step(self) -> float:
        if self.starting:
            return 1.0
        return 1.0 / self.size / (NEAR if self.size + 1 >= self.halved_at else 1)

    def _is_slow(self, latency_s: float) -> bool:
        return latency_s > SLOW * self._usual_s + SLACK_S

    def _end_round(self) -> None:
        mean = sum(self._round) / len(self._round)
        self._round.clear()
        if self._is_slow(mean):
            self.starting = False
            self.size = max(self.size * 0.9, min(self.size, CALM_WINDOW))
        self._round_size, self._rounds = int(self.size), self._rounds + 1
        if self._rounds == FORGET:
            self.halved_at = float("inf")
        self._usual_s = min(mean, self._usual_s * 1.05)  # forgets slowly: longer replies may have become usual

    def refused(self, sent_at: float, now: float) -> None:
        """Halves where more than a chance few were refused lately, once a round trip: what was sent before the last cut
        says nothing new."""
        self.starting = False
        if sent_at < self._cut_at:
            return
        self._refused += (1 - self._refused) / MEMORY
        if self._refused > CHANCE:
            self.halved_at, self._cut_at, self._refused, self._rounds = self.size, now, 0.0, 0
            self.size = max(1.0, self.size / 2)


class Pace:
    """Says when the next request may go to an endpoint; one for all the runs of a process."""

    def __init__(self, most: int, clock: Clock = time.monotonic) -> None:
        self.window = PaceWindow(most)
        self.in_flight = 0
        self.closed_until = float("-inf")
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self._tokens_under_way = 0.0
        self._refusals = 0  # since the last reply
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def allow(self, most: int) -> None:
        """The user allows so many at once, from now on."""
        self.window.most = most
        self.window.size = min(self.window.size, most)

    async def enter(self, tokens: float = 0.0) -> float:
        """Waits until a request of so many tokens may go, first come first served, and takes its place in the window
        until `leave`.

        Returns the time at which it went, by this pace's clock; `answered` and `refused` want it back.
        """
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((place, tokens))
        self._let_in()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._let_in()  # it may have stood before others
            else:
                self.leave(tokens)  # it had just been let in
            raise
        return self._clock()

    def leave(self, tokens: float = 0.0) -> None:
        """Gives the place back."""
        self.in_flight -= 1
        self._tokens_under_way -= tokens
        self._let_in()

    def answered(self, sent_at: float, limits: RateLimits | None) -> None:
        """A reply came. To be called before `leave`."""
        self._refusals = 0
        self.window.answered(self._clock() - sent_at, self.in_flight)
        self._hear(limits)  # the window may have grown, too: `leave` lets in as many as it holds

    def refused(self, sent_at: float, limits: RateLimits | None, retry_after: float | None) -> None:
        """The endpoint asked to wait (429, 503). One refusal among replies concerns its own call; the third without a
        reply between them closes the endpoint for as long as it asks for."""
        now = self._clock()
        self._refusals += 1
        self.window.refused(sent_at, now)
        self._hear(limits)
        if retry_after is not None and self._refusals > 2:
            self.closed_until = max(self.closed_until, now + min(retry_after, LONGEST_WAIT_S))

    def shown(self) -> dict[str, float]:
        """For whoever looks on: the window, the most it may be, and how long the endpoint asks everybody to wait."""
        waits_s = max(0.0, self.closed_until - self._clock())
        return {"window": int(self.window.size), "most": self.window.most, "waits_s": round(waits_s, 1)}

    def _hear(self, limits: RateLimits | None) -> None:
        if limits is None:
            return
        under_way = {"requests": float(self.in_flight - 1), "tokens": self._tokens_under_way}
        for name, allowance in (("requests", limits.requests), ("tokens", limits.tokens)):
            told = Bucket.told(allowance, under_way[name], self._clock()) if allowance else None
            if told:
                self._buckets[name] = told

    def _wait_s(self, tokens: float) -> float:
        """Until time alone allows a request; 0: it does now."""
        now = self._clock()
        if not self._buckets:  # the usual case, asked for every call
            return max(self.closed_until - now, 0.0)
        waits = [bucket.wait_s(self._amount(name, tokens), now) for name, bucket in self._buckets.items()]
        return max(self.closed_until - now, 0.0, *waits)

    def _take(self, tokens: float, now: float) -> None:
        self.in_flight += 1
        self._tokens_under_way += tokens
        for name, bucket in self._buckets.items():
            bucket.take(self._amount(name, tokens), now)

    @staticmethod
    def _amount(bucket: str, tokens: float) -> float:
        return 1.0 if bucket == "requests" else tokens

    def _let_in(self) -> None:
        """Gives those who wait a place, as many as may go now; a timer looks again where time is what they wait for."""
        while self._waiting:
            place, tokens = self._waiting[0]
            if not place.done():
                if self.in_flight >= int(self.window.size):
                    return
                if wait := self._wait_s(tokens):
                    self._look_again(wait)
                    return
                self._take(tokens, self._clock())
                place.set_result(None)
            self._waiting.popleft()

    def _look_again(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._let_in)
