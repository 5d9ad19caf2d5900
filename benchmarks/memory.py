"""Memory of planning a run and of carrying it out, each in a process of its own, by the number of cells.

python -m benchmarks.memory              # 10,000 and 100,000 cells; plans of 1,000,000
python -m benchmarks.memory --scale 0.1
python -m benchmarks.memory --only runs --scale 10    # 1,000,000 cells: an hour on a busy machine
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import MODEL, Home, Started, Used, endpoint, machine, new_home

_HERE = Path(__file__).parents[1]
MAX_CASES = 100_000  # of a table


def plan(samples: int) -> None:
    """Plans and queues a run of the cases in this folder, as a child process."""
    from promptgrid import api
    from promptgrid.runner import client
    from promptgrid.store import Database

    settings: dict[str, Any] = {"samples": samples, "concurrency": 64, "doubts": False}
    new = api.plan("repeat.prompty", Path("cases.csv"), models=f"openai/{MODEL}", show=print, **settings)
    client.submit(Database(), new)


def carry_out() -> None:
    """Carries out the queued run, as a child process: what a runner does."""
    from promptgrid.runner import here
    from promptgrid.store import Database, commits

    database = Database()
    (run_id,) = commits.waiting_runs(database)
    with here.carried_out_here(database, run_id) as watch:
        for _ in here.follow(database, run_id, watch):
            pass


def child(home: Home, *arguments: str) -> Used:
    """What `python -m benchmarks.memory ARGUMENTS…` takes in this home."""
    ours = {"PROMPTGRID_HOME": str(home.folder / "home"), "OPENAI_BASE_URL": home.url, "OPENAI_API_KEY": "none"}
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    used = Started(command, {**os.environ, **ours, "PYTHONPATH": str(_HERE)}, home.folder).wait()
    if used.code:
        raise SystemExit(home.output())
    return used


def runs(scale: float) -> None:
    """Peak RSS of planning and of carrying out, with a case for each cell, and samples where a table would be too
    long."""
    sizes = [round(10_000 * scale), round(100_000 * scale)]
    peaks: list[tuple[float, float]] = []
    for cells in sizes:
        samples = -(-cells // MAX_CASES)
        with endpoint(latency_ms=5) as server, new_home(server.url, cells // samples) as home:
            planned, carried = child(home, "--plan", str(samples)), child(home, "--carry-out")
            peaks.append((planned.peak_mb, carried.peak_mb))
            cpu_ms = 1000 * carried.cpu_s / cells
            print(
                f"{cells:>9,} cells: planned in {planned.peak_mb:.0f} MB, carried out in {carried.peak_mb:.0f} MB,",
                end="",
            )
            print(f" {cpu_ms:.2f} ms of CPU a cell; {home.committed():,} committed")
    grown = [1024 * (large - small) / (sizes[1] - sizes[0]) for small, large in zip(*peaks, strict=True)]
    print(f"a cell more takes {grown[0]:.2f} kB when planned, {grown[1]:.2f} kB when carried out")


def plans(scale: float) -> None:
    """Plans of a million cells: few cases with many samples, and many cases with few."""
    for cases, samples in ((10_000, 100), (100_000, 10)):
        with new_home("http://127.0.0.1:9/v1", round(cases * scale)) as home:
            used = child(home, "--plan", str(samples))
            what = f"{round(cases * scale):,} cases × {samples} samples"
            print(f"{what}: {used.seconds:.1f} s, {used.cpu_s:.1f} s of CPU, {used.peak_mb:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the cells")
    parser.add_argument("--only", choices=("plans", "runs"), help="one part")
    parser.add_argument("--plan", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--carry-out", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plan:
        plan(options.plan)
    elif options.carry_out:
        carry_out()
    else:
        print(machine())
        for name, part in (("plans", plans), ("runs", runs)):
            if options.only in (None, name):
                part(options.scale)


if __name__ == "__main__":
    main()
