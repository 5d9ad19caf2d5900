"""How much is lost, and sent for nothing, when the endpoint is bad: faults at random, and too few slots.

    python -m benchmarks.faulty
    python -m benchmarks.faulty --scale 0.2

A call may take 3 seconds, so that a hang costs that much and not two minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.harness import endpoint, machine, new_home, sdk_loop

MIX = "429=0.05,500=0.02,hang=0.01,half=0.02"
TIMEOUT_S = 3.0


def measured(name: str, calls: int, **behaviour: Any) -> None:
    """A run, then the hand-written loop with the SDK's own two retries, each against an endpoint of its own."""
    print(name)
    with endpoint(**behaviour) as server, new_home(server.url, calls) as home:
        home.set_timeout(TIMEOUT_S)
        used = home.start_run(32).wait()
        _say("run", calls, home.answered(), used.seconds, server.stats())
    with endpoint(**behaviour) as server, new_home(server.url, calls) as home:
        used = sdk_loop(home, 32, timeout_s=TIMEOUT_S)
        _say("SDK loop", calls, home.answered_by_hand(), used.seconds, server.stats())


def _say(who: str, calls: int, answered: int, seconds: float, stats: dict[str, Any]) -> None:
    faults = ", ".join(f"{count} {fault}" for fault, count in sorted(stats["faults"].items())) or "none"
    print(
        f"  {who:<9} {answered:,} of {calls:,} answered, {calls - answered} lost;"
        f" {stats['requests'] / calls:.3f} requests a cell ({stats['refused']} refused for want of a slot,"
        f" faults: {faults}); most in flight {stats['most_in_flight']}; {seconds:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the calls")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    options = parser.parse_args()
    print(machine())
    calls = round(1000 * options.scale)
    measured(f"{calls:,} × 50 ms at 32, {MIX}", calls, latency_ms=50, fail=MIX, seed=options.seed)
    calls = round(400 * options.scale)
    measured(f"{calls:,} × 200 ms at 32, 8 slots, 429 above", calls, latency_ms=200, slots=8)


if __name__ == "__main__":
    main()
