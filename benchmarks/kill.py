"""kill -9 in the middle of a run, and again: what is lost, what is sent again, by the server's own books.

python -m benchmarks.kill
python -m benchmarks.kill --scale 0.2
"""

from __future__ import annotations

import argparse
import time

from benchmarks.harness import Endpoint, Home, Started, endpoint, home, machine

CONCURRENCY = 32
MOST_RETRIES = 12


def killed_at(process: Started, server: Endpoint, made: Home, answered: int) -> None:
    """kill -9 as soon as the server has given that many answers in all."""
    while process.running and server.stats()["answered"] < answered:
        time.sleep(0.01)
    if not process.running:
        raise SystemExit(f"The run ended before it could be killed.\n{made.output()}")
    process.kill()
    print(f"    killed at {server.stats()['answered']:,} answers, {made.committed():,} of them committed")


def resumed(made: Home) -> Started:
    """Goes on with what was killed, and tries again what has failed."""
    return made.start("resume", "last", "--csv", made.results.name)


def told(server: Endpoint, made: Home, kills: int) -> None:
    """The books at the end: each prompt should have been answered once."""
    books, stats = server.books(), server.stats()
    again = stats["requests"] - made.calls - sum(stats["faults"].values())
    twice = sum(times - 1 for times in books["answers"].values())
    print(
        f"    lost {made.calls - made.answered()} of {made.calls:,}; sent again {again},"
        f" answered twice {twice} (in flight at {kills} kills: up to {kills * CONCURRENCY})"
    )


def kills(calls: int, shares: tuple[float, ...]) -> None:
    """The run is killed at each share of its answers, and resumed each time."""
    print(f"  {len(shares)} × kill -9, {calls:,} calls of 50 ms at {CONCURRENCY}")
    with endpoint(latency_ms=50) as server, home(server.url, calls) as made:
        process = made.start_run(CONCURRENCY)
        for share in shares:
            killed_at(process, server, made, round(share * calls))
            process = resumed(made)
        process.wait()
        told(server, made, len(shares))


def failures(calls: int) -> None:
    """A fifth of the calls fails for good; their retry is killed half-way and resumed until all are answered."""
    print(f"  a fifth fails, kill -9 in the retry, {calls:,} calls of 50 ms at {CONCURRENCY}")
    with endpoint(latency_ms=50, fail="400=0.2") as server, home(server.url, calls) as made:
        made.start_run(CONCURRENCY).wait()
        answered = made.answered()
        print(f"    {calls - answered} of {calls:,} failed")
        killed_at(resumed(made), server, made, answered + (calls - answered) // 2)
        for _ in range(MOST_RETRIES):
            if resumed(made).wait().code == 0:
                break
        told(server, made, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the calls")
    calls = round(1000 * parser.parse_args().scale)
    print(machine())
    kills(calls, (0.5,))
    kills(calls, (0.33, 0.66))
    failures(calls)


if __name__ == "__main__":
    main()
