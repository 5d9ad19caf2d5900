"""How near a run comes to what the endpoint allows: speed, CPU a call and memory, through the real command line.

    python -m benchmarks.throughput                # everything but 100,000 cells
    python -m benchmarks.throughput --scale 0.1    # a tenth of the calls, for a look
    python -m benchmarks.throughput --only memory --big

The limit is calls × latency ÷ concurrency: nobody can be faster.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import Used, endpoint, machine, new_home, sdk_loop

PARTS = ("latency", "volume", "start", "cpu", "memory")


@dataclass(frozen=True)
class Measured:
    """One run: what the process took, the server's books, and what is in the database and in the file."""

    used: Used
    stats: dict[str, Any]
    committed: int
    answered: int

    @property
    def rate(self) -> float:
        """Answers a second, by the server's clock."""
        return float(self.stats["answered"] / self.stats["seconds"])

    def __str__(self) -> str:
        u, s = self.used, self.stats
        return (
            f"{s['seconds']:.2f} s on the wire, {u.seconds:.2f} s in all, {u.cpu_s:.2f} s of CPU, {u.peak_mb:.0f} MB;"
            f" {s['requests']} requests, most in flight {s['most_in_flight']}, held {s['latency_ms']:.1f} ms each,"
            f" server's CPU {s['cpu_s']:.2f} s; {self.answered} answered, {self.committed} committed, exit {u.code}"
        )


def run(calls: int, latency_ms: float, concurrency: int) -> Measured:
    """A run of `calls` different cases in a home of its own."""
    with endpoint(latency_ms=latency_ms) as server, new_home(server.url, calls) as home:
        used = home.start_run(concurrency).wait()
        if not home.results.exists():
            raise SystemExit(home.output())
        return Measured(used, server.stats(), home.committed(), home.answered())


def by_hand(calls: int, latency_ms: float, concurrency: int) -> Measured:
    """The same calls by the hand-written loop."""
    with endpoint(latency_ms=latency_ms) as server, new_home(server.url, calls) as home:
        used = sdk_loop(home, concurrency)
        return Measured(used, server.stats(), 0, home.answered_by_hand())


def latency(scale: float) -> None:
    """(a) 1,000 calls of 200 ms, 32 at a time: from the first request to the last answer."""
    calls = round(1000 * scale)
    limit = calls * 0.2 / 32
    ours, loop = run(calls, 200, 32), by_hand(calls, 200, 32)
    print(f"{calls:,} × 200 ms at 32, limit {limit:.2f} s")
    print(f"  run       {ours.stats['seconds'] / limit:.3f} × the limit: {ours}")
    print(f"  SDK loop  {loop.stats['seconds'] / limit:.3f} × the limit: {loop}")


def volume(scale: float) -> None:
    """(b) 10,000 calls of 50 ms: the whole process at 32, the speed at 256."""
    calls = round(10_000 * scale)
    limit = calls * 0.05 / 32
    ours = run(calls, 50, 32)
    print(f"{calls:,} × 50 ms at 32, limit {limit:.2f} s")
    print(f"  run       {ours.used.seconds / limit:.3f} × the limit, start, plan and CSV included: {ours}")
    ours, loop = run(calls, 50, 256), by_hand(calls, 50, 256)
    whole = loop.used.seconds / ours.used.seconds
    print(f"{calls:,} × 50 ms at 256, limit {calls * 0.05 / 256:.2f} s")
    print(f"  run       {ours.rate:,.0f} calls/s: {ours}")
    print(f"  SDK loop  {loop.rate:,.0f} calls/s: {loop}")
    print(f"  {ours.rate / loop.rate:.1f} × the SDK loop on the wire, {whole:.1f} × from start to end")


def start(scale: float) -> None:
    """(c) CPU before the first call of a run: in a new home, whose database is made on the way, and in the same again.
    `scale` changes nothing."""
    with endpoint(latency_ms=1500) as server, new_home(server.url, 1) as home:

        def before_first_call() -> float:
            asked = server.stats()["requests"]
            process = home.start_run(32, "--fresh")
            while server.stats()["requests"] == asked:
                time.sleep(0.004)
            used = process.cpu_s
            process.wait()
            return used

        seconds = [before_first_call() for _ in range(6)]
    listed = ", ".join(f"{one:.2f}" for one in seconds[1:])
    print(f"CPU before the first call: {seconds[0]:.2f} s in a new home, then {listed} s")


def cpu(scale: float) -> None:
    """(d) CPU of a call: a long run's less that of a run with one call."""
    calls = round(10_000 * scale)
    for name, measure in (("run", run), ("SDK loop", by_hand)):
        one, many = measure(1, 50, 32), measure(calls, 50, 32)
        each = 1000 * (many.used.cpu_s - one.used.cpu_s) / (calls - 1)
        print(f"{name:<9} {each:.3f} ms of CPU a call over {calls:,} calls at 32; start-up {one.used.cpu_s:.2f} s")


def memory(scale: float, big: bool) -> None:
    """Peak RSS at 10,000 cells, and at 100,000."""
    calls = round(10_000 * scale)
    small = run(calls, 5, 64)
    print(f"{small.used.peak_mb:.0f} MB at {calls:,} cells")
    if big:
        large = run(10 * calls, 5, 64)
        grown = (large.used.peak_mb - small.used.peak_mb) * 1024 / (9 * calls)
        print(f"{large.used.peak_mb:.0f} MB at {10 * calls:,} cells: {grown:.2f} kB a cell more; {large}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the calls")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be repeated")
    parser.add_argument("--big", action="store_true", help="also 100,000 cells, for memory")
    options = parser.parse_args()
    print(machine())
    parts = options.only or PARTS
    for name, part in (("latency", latency), ("volume", volume), ("start", start), ("cpu", cpu)):
        if name in parts:
            part(options.scale)
    if "memory" in parts:
        memory(options.scale, options.big)


if __name__ == "__main__":
    main()
