"""Paces the requests to an endpoint: a window of requests in flight that grows and shrinks like TCP's, and buckets of
requests and tokens that follow the endpoint's rate-limit headers.

Slow start doubles the window each round trip while latency holds; after that, the window grows by one per round trip.
Refusals (429, 503) halve the window. Unlike TCP, a small share of refusals is tolerated, because some vendors refuse a
few requests at any pace; a larger one is tolerated if half the window is refused as often. Source: V. Jacobson,
Congestion Avoidance and Control, 1988; the first window follows RFC 6928, slightly larger.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from promptgrid.endpoint.base import Allowance, RateLimits

FIRST_WINDOW = 16
SLOW = 2.0  # multiple of the usual latency above which more requests in flight would only queue at the server
SLACK_S = 0.5  # extra latency that this machine itself may cause
CALM_WINDOW = 8  # latency alone never narrows the window below it: some prompts simply take longer
CHANCE = 0.08  # a smaller share of refusals does not mean that the window is too wide
AT_RANDOM = 0.4  # the largest share of refusals that is tolerated
TRIED = 40  # number of requests after which half the window is compared with the whole
MEMORY = 50  # number of calls over which the share of refusals is averaged
NEAR = 10  # the window grows this many times more slowly near the size at which it was last halved
FORGET = 20  # number of round trips after which that size is forgotten
LONGEST_WAIT_S = 60.0
SLOWEST_RESET_S = 3600.0

Clock = Callable[[], float]


@dataclass
class Bucket:
    """What remains of one rate limit, in requests or tokens: `level` at the time `at` (seconds by the pace's clock),
    refilled by `rate` per second up to `limit`."""

    level: float
    limit: float
    rate: float
    at: float

    @classmethod
    def from_header(cls, allowance: Allowance, in_flight: float, now: float) -> Bucket | None:
        """Returns the bucket at the time `now` that a rate-limit header (`allowance`) describes; None if the header
        does not say what remains. `in_flight` (requests or tokens) is subtracted, since the header may not have counted
        it yet."""
        if allowance.remaining is None:
            return None
        limit = float(allowance.limit or allowance.remaining)
        used, full_in = limit - allowance.remaining, allowance.reset_s or 0.0
        rate = used / full_in if used > 0 and full_in > 0 else limit / LONGEST_WAIT_S
        least = max(limit / SLOWEST_RESET_S, 1 / LONGEST_WAIT_S)  # whatever moment of reset the header names
        return cls(allowance.remaining - in_flight, limit, max(rate, least), now)

    def wait_s(self, amount: float, now: float) -> float:
        """Returns the seconds from `now` until the bucket holds `amount`; for an amount above the limit, until the
        bucket is full."""
        missing = min(amount, self.limit) - self._level(now)
        return min(missing / self.rate, LONGEST_WAIT_S) if missing > 0 else 0.0

    def take(self, amount: float, now: float) -> None:
        self.level, self.at = self._level(now) - amount, now

    def _level(self, now: float) -> float:
        return min(self.limit, self.level + self.rate * (now - self.at))


@dataclass
class PaceWindow:
    """The number of requests that may be in flight at once: `size`, which follows the endpoint's latency and refusals,
    up to the user's limit `most`."""

    most: int
    size: float = 0.0
    starting: bool = True  # slow start
    halved_at: float = float("inf")  # the size at which it was last halved
    _cut_at: float = float("-inf")
    _round: list[float] = field(default_factory=list)
    _round_size: int = 0  # the window when the round trip began
    _rounds: int = 0  # since it was halved
    _refused: float = 0.0  # the recent share of refusals
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=TRIED))  # since it was halved: was it refused?
    _share_before: float = 0.0  # of refusals, before it was halved, while that is tried
    _random: float = 0.0  # the share that is refused at any size
    _usual_s: float = float("inf")

    def __post_init__(self) -> None:
        self.size = float(min(FIRST_WINDOW, self.most))
        self._round_size = int(self.size)

    def answered(self, latency_s: float, in_flight: int, sent_at: float = float("inf")) -> None:
        """Records a reply that came after `latency_s` seconds, and lets the window grow if at least half of it is in
        use. `in_flight` counts the requests in flight, this one included. `sent_at` is the time of sending; without it,
        the request counts as sent after the last halving of the window."""
        self._refused -= self._refused / MEMORY
        if sent_at >= self._cut_at:
            self._record(False)
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
        self._usual_s = min(mean, self._usual_s * 1.05)  # rises slowly, in case replies have become longer

    def refused(self, sent_at: float, now: float) -> None:
        """Records that a request sent at `sent_at` was refused, and halves the window if more than a small share is
        refused. Ignores a request sent before the last halving, so that the window is halved once per round trip."""
        if sent_at < self._cut_at:
            return
        self._refused += (1 - self._refused) / MEMORY
        self._record(True)
        if self._refused > CHANCE + 1.5 * self._random and not self._share_before:
            share = sum(self._recent) / len(self._recent)
            self._share_before = share if len(self._recent) >= FIRST_WINDOW and share <= AT_RANDOM else 0.0
            self.halved_at, self._cut_at, self._refused, self._rounds = self.size, now, self._random, 0
            self.size, self.starting = max(1.0, self.size / 2), False
            self._recent.clear()

    def _record(self, refused: bool) -> None:
        """Records whether a request was `refused`. Some time after a halving of the window, compares the share of
        refused requests with the share before it: if it has hardly fallen, refusals come at random, not from the load,
        and the window gets its former size back."""
        self._recent.append(refused)
        share = sum(self._recent) / TRIED
        if self._share_before and (len(self._recent) == TRIED or share > AT_RANDOM):
            if 0.7 * self._share_before < share <= AT_RANDOM:
                self._random = max(share, self._share_before)
                self.size, self.starting = min(self.halved_at, self.most), True
            else:
                self._random = 0.0
            self._share_before = 0.0

    @property
    def in_a_row(self) -> int:
        """The number of successive refusals that are tolerated as no sign of overload: 2, or more where refusals come
        at random."""
        return 2 if self._random < CHANCE else math.ceil(math.log(1e-4) / math.log(self._random))


class Pace:
    """Decides when the next request to an endpoint may be sent. All runs of a process share one Pace per endpoint;
    `most` limits the requests in flight."""

    def __init__(self, most: int, clock: Clock = time.monotonic) -> None:
        self.window = PaceWindow(most)
        self.in_flight = 0
        self.closed_until = float("-inf")
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self._tokens_in_flight = 0.0
        self._refusals = 0  # since the last reply
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def allow(self, most: int) -> None:
        """Sets the user's limit of requests in flight to `most`."""
        self.window.most = most
        self.window.size = min(self.window.size, most)

    async def enter(self, tokens: float = 0.0) -> float:
        """Waits, in order of arrival, until a request of about `tokens` tokens may be sent. It counts as in flight
        until `leave`.

        Returns the time of sending by this pace's clock, which `answered` and `refused` take as `sent_at`.
        """
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((place, tokens))
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._admit()  # the requests behind this one may be sent now
            else:
                self.leave(tokens)  # the request had just been admitted
            raise
        return self._clock()

    def leave(self, tokens: float = 0.0) -> None:
        """Ends a request of `tokens` tokens: it no longer counts as in flight, and waiting requests may be sent."""
        self.in_flight -= 1
        self._tokens_in_flight -= tokens
        self._admit()

    def answered(self, sent_at: float, limits: RateLimits | None) -> None:
        """Records a reply to the request sent at `sent_at` (the result of `enter`), with the rate limits in its
        headers. Call it before `leave`."""
        self._refusals = 0
        self.window.answered(self._clock() - sent_at, self.in_flight, sent_at)
        self._update(limits)  # the window may have grown; `leave` then admits more requests

    def refused(self, sent_at: float, limits: RateLimits | None, retry_after: float | None) -> None:
        """Records that the endpoint refused (429, 503) the request sent at `sent_at` (the result of `enter`), with the
        rate limits in its headers. From the third refusal in a row on (later where refusals come at random), all
        requests wait for `retry_after`, the seconds that the endpoint asks for. At earlier refusals only the refused
        call waits."""
        now = self._clock()
        self._refusals += 1
        self.window.refused(sent_at, now)
        self._update(limits)
        if retry_after is not None and self._refusals > self.window.in_a_row:
            self.closed_until = max(self.closed_until, now + min(retry_after, LONGEST_WAIT_S))

    def figures(self) -> dict[str, float]:
        """Returns figures to show with a run: the current limit of requests in flight (`window`), the user's limit
        (`most`), and the seconds until requests may be sent again (`waits_s`)."""
        waits_s = self._wait_s(self._waiting[0][1] if self._waiting else 0.0)
        return {"window": int(self.window.size), "most": self.window.most, "waits_s": round(waits_s, 1)}

    def _update(self, limits: RateLimits | None) -> None:
        if limits is None:
            return
        in_flight = {"requests": float(self.in_flight - 1), "tokens": self._tokens_in_flight}
        for name, allowance in (("requests", limits.requests), ("tokens", limits.tokens)):
            bucket = Bucket.from_header(allowance, in_flight[name], self._clock()) if allowance else None
            if bucket:
                self._buckets[name] = bucket

    def _wait_s(self, tokens: float) -> float:
        """Returns the seconds until a request of about `tokens` tokens may be sent, by refusals and rate limits; 0 if
        it may be sent now."""
        now = self._clock()
        if not self._buckets:  # the usual case, kept fast because every call runs it
            return max(self.closed_until - now, 0.0)
        waits = [bucket.wait_s(self._amount(name, tokens), now) for name, bucket in self._buckets.items()]
        return max(self.closed_until - now, 0.0, *waits)

    def _take(self, tokens: float, now: float) -> None:
        self.in_flight += 1
        self._tokens_in_flight += tokens
        for name, bucket in self._buckets.items():
            bucket.take(self._amount(name, tokens), now)

    @staticmethod
    def _amount(bucket: str, tokens: float) -> float:
        return 1.0 if bucket == "requests" else tokens

    def _admit(self) -> None:
        """Lets waiting requests be sent while window and rate limits allow; if a rate limit stops them, sets a timer to
        try again."""
        while self._waiting:
            place, tokens = self._waiting[0]
            if not place.done():
                if self.in_flight >= int(self.window.size):
                    return
                if wait := self._wait_s(tokens):
                    self._set_timer(wait)
                    return
                self._take(tokens, self._clock())
                place.set_result(None)
            self._waiting.popleft()

    def _set_timer(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._admit)
