"""What calls in several steps cost: a run of chains against its limit, and single calls beside an older checkout.

    python -m benchmarks.steps                        1,000 chains of three calls, 200 ms each, 32 at a time
    python -m benchmarks.steps --against FOLDER       single calls, this checkout and another one in turn

The limit is calls × latency ÷ concurrency. Single calls are compared by the CPU of the whole process, less that of a
run with one call: the ratio is that of the same minutes, pair by pair.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from benchmarks.harness import Used, endpoint, machine, new_home

HERE = Path(__file__).parent.parent
CELLS, STEPS, LATENCY_MS, CONCURRENCY = 1_000, 3, 200, 32
SINGLE_CALLS, SINGLE_LATENCY_MS = 3_000, 10
CHAIN = """---
name: repeat
metadata:
  chain:
    - {as: first, text: "user:\\nRepeat this number: {{ number }}"}
    - {as: second, text: "user:\\nRepeat this number again: {{ first }}"}
inputs: [{name: number, kind: string}]
model: {options: {temperature: 0, maxOutputTokens: 16}}
template: {format: {kind: jinja2}, parser: {kind: prompty}}
---
user:
Repeat this number once more: {{ second }}
"""


def chains(cells: int) -> None:
    """A run of chains of three calls, from the first request to the last answer."""
    limit = cells * STEPS * LATENCY_MS / 1000 / CONCURRENCY
    with endpoint(latency_ms=LATENCY_MS) as server, new_home(server.url, cells, prompt=CHAIN, checkout=HERE) as home:
        used = home.start_run(CONCURRENCY).wait()
        if not home.results.exists():
            raise SystemExit(home.output())
        stats = server.stats()
        print(f"{cells:,} chains of {STEPS} × {LATENCY_MS} ms at {CONCURRENCY}, limit {limit:.2f} s")
        print(
            f"  {stats['seconds'] / limit:.3f} × the limit: {stats['seconds']:.2f} s on the wire, {used.seconds:.2f} s"
            f" in all, {used.cpu_s:.2f} s of CPU; {stats['requests']:,} requests, most in flight"
            f" {stats['most_in_flight']}, held {stats['latency_ms']:.1f} ms each; {home.answered():,} answered"
        )


def single(calls: int, checkout: Path) -> Used:
    """A run of single calls with the code of that checkout."""
    with endpoint(latency_ms=SINGLE_LATENCY_MS) as server, new_home(server.url, calls, checkout=checkout) as home:
        used = home.start_run(CONCURRENCY).wait()
        if not home.results.exists() or home.answered() != calls:
            raise SystemExit(home.output())
        return used


def against(other: Path, calls: int, rounds: int) -> None:
    """Single calls with both checkouts in turn."""
    ratios, each = [], []
    for number in range(rounds):
        cpu = {}
        for checkout in (other, HERE) if number % 2 else (HERE, other):
            one, many = single(1, checkout), single(calls, checkout)
            cpu[checkout] = 1000 * (many.cpu_s - one.cpu_s) / (calls - 1)
        ratios.append(cpu[HERE] / cpu[other])
        each.append(cpu[HERE])
        print(f"  {cpu[HERE]:.3f} ms of CPU a call, {cpu[other]:.3f} ms there: {ratios[-1]:.3f} ×", flush=True)
    print(
        f"{calls:,} single calls: {statistics.median(each):.3f} ms of CPU a call,"
        f" {statistics.median(ratios):.3f} × the other checkout ({min(ratios):.3f} to {max(ratios):.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the calls")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout, for single calls")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    if options.against is None:
        chains(round(CELLS * options.scale))
    else:
        against(options.against.resolve(), round(SINGLE_CALLS * options.scale), options.rounds)


if __name__ == "__main__":
    main()
