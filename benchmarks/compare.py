"""What the comparison costs at 100,000 replies of 1,000 characters, in the engine: no page, no browser.

Wall time and CPU time of each step, the median of its repetitions; on a busy machine the CPU time is the steadier one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import machine
from benchmarks.many_replies import CHARACTERS, NEEDLE, REPLIES, make
from promptgrid import compare
from promptgrid.compare import Filter, Sort, View, comparison_rows, facts, page, summarise
from promptgrid.store import Database

PAGE = 40
RUN = "bench000"
TEXTS = {
    "rare": NEEDLE, "no text has it": "the ofx", "half of the letters have other forms": "sofas first",
    "every text has it": "screen", "Chinese, no text has it": "天气",
}  # fmt: skip


def resident() -> float:
    """Memory of this process, MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def timed(what: str, goal: str, work: Callable[[], Any], times: int = 5) -> Any:
    """Prints one line of the table and returns what the work does."""
    wall, cpu = [], []
    for _ in range(times):
        begun, spent = time.perf_counter(), time.process_time()
        result = work()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - spent)
    took, used = (f"{1000 * statistics.median(values):,.0f} ms" for values in (wall, cpu))
    print(f"| {what} | {took} | {used} | {goal} | {resident():,.0f} MB |")
    return result


def measure(database: Database) -> None:
    before = resident()
    print("| step | wall | CPU | goal | memory after it |\n| --- | --- | --- | --- | --- |")
    run_facts = timed("first load", "1,500 ms", lambda: facts(database, RUN), 1)
    timed("the facts again, nothing changed", "", lambda: facts(database, RUN))
    all_rows = timed("rows and columns, first time", "", lambda: comparison_rows(database, run_facts, View()), 1)
    timed(
        f"a page of {PAGE} cases × {len(all_rows.columns)} variants",
        "200 ms",
        lambda: page(database, all_rows, 400, PAGE),
    )
    for show in ("differ", "wrong", "changed"):
        timed(f"filter: {show}", "300 ms", partial(comparison_rows, database, run_facts, View(filter=Filter(show))))
    by_score = Sort("score", descending=True)
    timed(
        "sort by score",
        "300 ms",
        lambda: comparison_rows(database, run_facts, View(sort=by_score)),
    )
    against = Sort("latency", column=all_rows.columns[3].id, against_baseline=True)
    timed(
        "sort by latency against the baseline",
        "300 ms",
        lambda: comparison_rows(database, run_facts, View(sort=against)),
    )
    for what, text in TEXTS.items():
        wanted = View(filter=Filter(text=text))
        rows = len(timed(f"text: {what}", "300 ms", partial(comparison_rows, database, run_facts, wanted), 3))
        assert (rows > 0) == ("no text" not in what and "other forms" not in what)
    timed("summary of 20 variants, first time", "", lambda: summarise(run_facts, View()), 1)
    timed("summary again", "500 ms", lambda: compare.summary(database, RUN))
    other = all_rows.columns[7].id
    timed("summary against another baseline", "500 ms", lambda: summarise(run_facts, View(baseline=other)), 1)
    pooled = View(rows=("prompt", "technique"), columns=("temperature",))
    timed("other rows and columns, first time", "", lambda: comparison_rows(database, run_facts, pooled), 1)
    timed("the run against itself", "", lambda: compare.against(database, RUN, RUN), 2)
    grown = resident() - before
    print(f"\nMemory grew by {grown:,.0f} MB (goal: less than 150), with all that is kept for the next time.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the database here, or use the one that is here")
    parser.add_argument("--replies", type=int, default=REPLIES)
    options = parser.parse_args()
    print(machine(), f"\n{options.replies:,} replies of {CHARACTERS:,} characters")
    with TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        is_new = not (folder / "promptgrid.sqlite3").exists()
        database = Database(folder / "promptgrid.sqlite3")
        if is_new:
            make(database, RUN, options.replies)
        measure(database)
        database.close()


if __name__ == "__main__":
    main()
