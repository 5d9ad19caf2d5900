"""What a store on a server costs: one run with the store in PostgreSQL and in a file, in turn, commits on disk in both.

make .venv-postgres/installed
.venv-postgres/bin/python -m benchmarks.many                 # 10,000 × 50 ms at 256
.venv-postgres/bin/python -m benchmarks.many --calls 2000    # for a look
"""

from __future__ import annotations

import argparse
from statistics import median

from benchmarks.harness import endpoint, machine, new_home
from tests.store.server import Server

LATENCY_MS, CONCURRENCY = 50, 256


def on_the_wire(calls: int, database: str) -> tuple[float, float]:
    """The seconds from the first request of a run to its last answer, and the CPU seconds of its process."""
    with endpoint(latency_ms=LATENCY_MS) as server, new_home(server.url, calls, database=database) as home:
        used = home.start_run(CONCURRENCY).wait()
        if used.code or home.answered() != calls:
            raise SystemExit(home.output())
        return float(server.stats()["seconds"]), used.cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(machine())
    print(f"{asked.calls:,} × {LATENCY_MS} ms at {CONCURRENCY}; seconds on the wire, CPU seconds of the runner")
    server, ratios = Server(durable=True), []
    try:
        for _ in range(asked.rounds):
            (file_s, file_cpu), (server_s, server_cpu) = (
                on_the_wire(asked.calls, database) for database in ("", server.new_store())
            )
            ratios.append(server_s / file_s)
            print(f"  file {file_s:.2f} s, {file_cpu:.1f} s   PostgreSQL {server_s:.2f} s, {server_cpu:.1f} s", end="")
            print(f"   {ratios[-1]:.2f} ×")
    finally:
        server.remove()
    print(f"PostgreSQL {median(ratios):.2f} × the file (median)")


if __name__ == "__main__":
    main()
