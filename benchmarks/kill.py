"""kill -9 in the middle of a run, and again: what is lost, what is sent again, by the server's own books.

python -m benchmarks.kill
python -m benchmarks.kill --scale 0.2
"""

from __future__ import annotations

import argparse
import time

from benchmarks.harness import Endpoint, Home, Started, endpoint, machine, new_home

CONCURRENCY = 32
MOST_RETRIES = 12


def killed_at(process: Started, server: Endpoint, home: Home, answered: int) -> None:
    """kill -9 as soon as the server has given that many answers in all."""
    while process.running and server.stats()["answered"] < answered:
        time.sleep(0.01)
    if not process.running:
        raise SystemExit(f"The run ended before it could be killed.\n{home.output()}")
    process.kill()
    print(f"    killed at {server.stats()['answered']:,} answers, {home.committed():,} of them committed")


def resumed(home: Home) -> Started:
    """Goes on with what was killed, and tries again what has failed."""
    return home.start("resume", "last", "--csv", home.results.name)


def report(server: Endpoint, home: Home, kills: int) -> None:
    """The books at the end: each prompt should have been answered once."""
    books, stats = server.books(), server.stats()
    again = stats["requests"] - home.calls - sum(stats["faults"].values())
    twice = sum(times - 1 for times in books["answers"].values())
    print(
        f"    lost {home.calls - home.answered()} of {home.calls:,}; sent again {again},"
        f" answered twice {twice} (in flight at {kills} kills: up to {kills * CONCURRENCY})"
    )


def kills(calls: int, shares: tuple[float, ...]) -> None:
    """The run is killed at each share of its answers, and resumed each time."""
    print(f"  {len(shares)} × kill -9, {calls:,} calls of 50 ms at {CONCURRENCY}")
    with endpoint(latency_ms=50) as server, new_home(server.url, calls) as home:
        process = home.start_run(CONCURRENCY)
        for share in shares:
            killed_at(process, server, home, round(share * calls))
            process = resumed(home)
        process.wait()
        report(server, home, len(shares))


def failures(calls: int) -> None:
    """A fifth of the calls fails for good; their retry is killed half-way and resumed until all are answered."""
    print(f"  a fifth fails, kill -9 in the retry, {calls:,} calls of 50 ms at {CONCURRENCY}")
    with endpoint(latency_ms=50, fail="400=0.2") as server, new_home(server.url, calls) as home:
        home.start_run(CONCURRENCY).wait()
        answered = home.answered()
        print(f"    {calls - answered} of {calls:,} failed")
        killed_at(resumed(home), server, home, answered + (calls - answered) // 2)
        for _ in range(MOST_RETRIES):
            if resumed(home).wait().code == 0:
                break
        report(server, home, 1)


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
