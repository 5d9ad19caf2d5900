"""How fast an endpoint is asked, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from promptgrid.calls.pace import CALM_WINDOW, FIRST_WINDOW, Bucket, Pace, PaceWindow
from promptgrid.endpoint import Allowance, RateLimits


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def rounds(window: PaceWindow, latencies: list[float]) -> list[int]:
    """The window after each round trip in which every place was used."""
    sizes = []
    for latency in latencies:
        for _ in range(int(window.size)):
            window.answered(latency, int(window.size))
        sizes.append(int(window.size))
    return sizes


def refuse(window: PaceWindow, count: int, at: float) -> None:
    for _ in range(count):
        window.refused(sent_at=at, now=at)


def test_slow_start_doubles_each_round_trip_up_to_what_the_user_allows() -> None:
    assert rounds(PaceWindow(100), [0.2] * 4) == [2 * FIRST_WINDOW, 4 * FIRST_WINDOW, 100, 100]
    assert PaceWindow(3).size == 3


def test_after_a_refusal_the_window_is_half_and_grows_by_one_a_round() -> None:
    window = PaceWindow(64)
    refuse(window, 5, at=0.0)
    assert window.size == 8
    rounds(window, [0.2] * 4)
    assert window.size == pytest.approx(12, abs=0.5)


def test_refusals_of_one_round_trip_halve_once() -> None:
    window = PaceWindow(64)
    for _ in range(16):
        window.refused(sent_at=0.0, now=1.0)
    assert window.size == FIRST_WINDOW / 2
    for _ in range(16):
        window.refused(sent_at=1.1, now=2.0)
    assert window.size == FIRST_WINDOW / 4


def test_a_few_refusals_by_chance_narrow_nothing_at_any_width() -> None:
    for most in (8, 64):
        window = PaceWindow(most)
        for number in range(1000):
            if number % 20 == 0:
                refuse(window, 1, at=float(number))
            else:
                window.answered(0.2, int(window.size))
        assert window.size >= min(most, 40)


@dataclass
class Load:
    """A run against a server that refuses at random and above what it takes at once, by simulated time."""

    window: PaceWindow
    refuses: float = 0.0
    takes: float = float("inf")
    seed: int = 0

    def carry_out(self, calls: int) -> tuple[float, int]:
        """Returns (seconds until all calls are answered, requests sent). A reply takes about 0.3 s, a retry comes after
        0.5 s or more."""
        chance, clock, ready, in_flight, left, sent = random.Random(self.seed), 0.0, calls, 0, calls, 0
        events: list[tuple[float, int, str, float]] = []
        while left:
            while ready and in_flight < int(self.window.size):
                refused = chance.random() < self.refuses or in_flight >= self.takes
                ends = clock + (0.01 if refused else 0.3) * chance.uniform(0.9, 1.1)
                kind = "refused" if refused else "answered"
                sent, ready, in_flight = sent + 1, ready - 1, in_flight + 1
                heapq.heappush(events, (ends, sent, kind, clock))
            clock, number, kind, sent_at = heapq.heappop(events)
            if kind == "retry":
                ready += 1
                continue
            if kind == "answered":
                self.window.answered(clock - sent_at, in_flight, sent_at)
                left -= 1
            else:
                self.window.refused(sent_at, clock)
                heapq.heappush(events, (clock + 0.5 * chance.uniform(1.0, 1.25), number, "retry", 0.0))
            in_flight -= 1
        return clock, sent


@pytest.mark.parametrize("seed", range(5))
def test_refusals_at_random_narrow_nothing_for_long(seed: int) -> None:
    calm, _ = Load(PaceWindow(256)).carry_out(2000)
    one_in_ten, _ = Load(PaceWindow(256), refuses=0.1, seed=seed).carry_out(2000)
    assert one_in_ten < 2 * calm


@pytest.mark.parametrize("takes", [8, 30])
@pytest.mark.parametrize("refuses", [0.0, 0.1])
def test_a_server_that_takes_few_at_once_is_found_out_though_it_refuses_at_random_too(
    takes: int, refuses: float
) -> None:
    seconds, sent = Load(PaceWindow(256), refuses, takes).carry_out(2000)
    assert seconds < 1.5 * 2000 * 0.3 / takes
    assert sent < 2000 * (1.1 + 3 * refuses)


def test_what_a_server_takes_at_once_is_found_and_kept() -> None:
    """Eight are taken at once, all above are refused."""
    window, refused, sent = PaceWindow(32), 0, 0
    for number in range(300):
        size = int(window.size)
        sent += size
        for _ in range(max(0, size - 8)):
            refused += 1
            window.refused(sent_at=float(number), now=number + 0.01)
        for _ in range(min(size, 8)):
            window.answered(0.2, size)
    assert sent / (sent - refused) < 1.2
    assert (sent - refused) / 300 > 6  # of the eight that it could be


def test_near_to_where_it_was_refused_the_window_creeps() -> None:
    window = PaceWindow(64)
    refuse(window, 5, at=0.0)
    assert rounds(window, [0.2] * 8)[-1] == 15
    assert rounds(window, [0.2] * 5)[-1] == 15
    assert rounds(window, [0.2] * 20)[-1] > 20  # that was long ago


def test_rising_latency_ends_slow_start_and_narrows_no_further_than_a_usual_window() -> None:
    window = PaceWindow(200)
    rounds(window, [0.2, 0.2])
    before = window.size
    after = rounds(window, [1.2] * 60)
    assert after[0] < before
    assert min(after) >= CALM_WINDOW


def test_a_busy_machine_of_our_own_narrows_nothing() -> None:
    window = PaceWindow(200)
    rounds(window, [0.05, 0.05])
    assert rounds(window, [0.3] * 5)[-1] == 200


def test_a_window_that_is_not_filled_does_not_grow() -> None:
    window = PaceWindow(100)
    for _ in range(200):
        window.answered(0.2, in_flight=1)
    assert window.size == FIRST_WINDOW


def test_the_window_never_falls_below_one() -> None:
    window = PaceWindow(8)
    for second in range(10):
        refuse(window, 5, at=float(second))
    assert window.size == 1


@asynccontextmanager
async def turn(pace: Pace) -> AsyncIterator[float]:
    sent = await pace.enter()
    try:
        yield sent
    finally:
        pace.leave()


@dataclass
class Server:
    """Books of what is in flight in a simulation."""

    in_flight: int = 0
    most: int = 0
    sent: list[float] = field(default_factory=list)


def test_no_more_than_the_window_are_in_flight_and_all_get_their_turn() -> None:
    async def run() -> Server:
        pace, server = Pace(4), Server()

        async def call() -> None:
            async with turn(pace) as sent:
                server.in_flight += 1
                server.most = max(server.most, server.in_flight)
                await asyncio.sleep(0)
                server.in_flight -= 1
                server.sent.append(sent)
                pace.answered(sent, None)

        await asyncio.gather(*(call() for _ in range(100)))
        return server

    server = asyncio.run(run())
    assert (server.most, len(server.sent)) == (4, 100)


def test_a_place_that_was_waited_for_and_given_up_goes_to_the_next() -> None:
    async def run() -> None:
        pace = Pace(1)
        async with turn(pace):
            waiting = [asyncio.create_task(_through(pace)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
        await asyncio.wait_for(asyncio.gather(*waiting[1:]), 5)

    asyncio.run(run())


async def _through(pace: Pace) -> None:
    async with turn(pace):
        await asyncio.sleep(0)


def test_a_turn_given_and_cancelled_in_the_same_moment_is_not_lost() -> None:
    async def run() -> None:
        pace = Pace(1)
        async with turn(pace):
            first, second = (asyncio.create_task(_through(pace)) for _ in range(2))
            await asyncio.sleep(0)
        first.cancel()  # its turn has been given by the end of the block above
        await asyncio.wait_for(second, 5)

    asyncio.run(run())


def test_one_refusal_among_replies_closes_nothing_and_three_in_a_row_close_for_as_long_as_is_asked() -> None:
    async def run() -> list[float]:
        clock = Clock()
        pace, waits = Pace(8, clock), []
        async with turn(pace) as sent:
            pace.refused(sent, None, retry_after=5.0)
        waits.append(pace.figures()["waits_s"])
        async with turn(pace) as sent:
            pace.answered(sent, None)
        async with turn(pace) as sent:
            pace.refused(sent, None, retry_after=5.0)
        waits.append(pace.figures()["waits_s"])
        for _ in range(2):
            async with turn(pace) as sent:
                pace.refused(sent, None, retry_after=5.0)
        waits.append(pace.figures()["waits_s"])
        return waits

    assert asyncio.run(run()) == [0.0, 0.0, 5.0]


def told(limit: int | None, remaining: int | None, reset_s: float | None, under_way: float = 0.0) -> Bucket | None:
    return Bucket.from_header(Allowance(limit, remaining, reset_s), under_way, now=0.0)


def test_a_bucket_fills_as_fast_as_the_headers_say() -> None:
    bucket = told(60, 0, 60.0)
    assert bucket is not None
    assert bucket.wait_s(1, now=0.0) == pytest.approx(1.0)
    assert bucket.wait_s(1, now=1.0) == 0.0
    bucket.take(1, now=1.0)
    assert bucket.wait_s(1, now=1.0) == pytest.approx(1.0)


def test_what_is_under_way_is_taken_off_what_remains() -> None:
    bucket = told(100, 10, 9.0, under_way=8)
    assert bucket is not None
    assert bucket.wait_s(2, now=0.0) == 0.0
    assert bucket.wait_s(3, now=0.0) == pytest.approx(0.1)


def test_a_call_larger_than_the_bucket_waits_for_a_full_one_and_not_for_ever() -> None:
    bucket = told(1000, 0, 10.0)
    assert bucket is not None
    assert bucket.wait_s(50_000, now=0.0) == pytest.approx(10.0)


@pytest.mark.parametrize("reset_s", [1e9, 1e300])
def test_an_absurd_moment_of_reset_holds_a_call_back_for_a_minute_and_is_told(reset_s: float) -> None:
    bucket = told(3, 0, reset_s)
    assert bucket is not None
    assert bucket.wait_s(1, now=60.0) == 0.0
    clock = Clock()

    async def run() -> float:
        pace = Pace(8, clock)
        async with turn(pace) as sent:
            pace.answered(sent, RateLimits(requests=Allowance(3, 0, reset_s)))
        return pace.figures()["waits_s"]

    assert asyncio.run(run()) == 60.0


def test_headers_without_a_number_say_nothing() -> None:
    assert told(100, None, 1.0) is None


def test_an_empty_bucket_of_requests_holds_the_next_one_back() -> None:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        pace = Pace(8)
        async with turn(pace) as sent:
            began = loop.time()
            pace.answered(sent, RateLimits(requests=Allowance(10, 0, 1.0)))
        await asyncio.wait_for(_through(pace), 60)
        return loop.time() - began

    assert asyncio.run(run()) >= 0.09  # a tenth of a second, by the headers
