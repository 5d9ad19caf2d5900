"""How fast a run goes out and what it takes: a million cells as CSV from a real database, 100,000 as every other form.

python -m benchmarks.export [--rows 1000000] [--home FOLDER]      FOLDER keeps the databases for the next time
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.harness import Started, Used, machine

OTHERS = 100_000
FORMS = ("csv", "jsonl", "csv-wide", "parquet", "xlsx", "html")
OUTPUT = 100  # characters of a reply


def made(home: Path, rows: int) -> float:
    """Makes a PROMPTGRID_HOME with a run of so many cells, and returns how long that took; 0 where it is there."""
    from benchmarks import many_replies
    from promptgrid.store import Database

    folder = home / "data"
    if folder.exists():
        return 0.0
    folder.mkdir(parents=True)
    many_replies.CHARACTERS = OUTPUT
    begun = time.perf_counter()
    many_replies.make(Database(folder / "promptgrid.sqlite3"), count=rows)
    return time.perf_counter() - begun


def exported(home: Path, form: str) -> tuple[Used, float, Path]:
    """`promptgrid export last --FORM` in a process of its own: what it took, and when its first bytes were there."""
    out = home / f"out.{form}"
    environment = {**os.environ, "PROMPTGRID_HOME": str(home)}
    begun = time.perf_counter()
    running = Started([sys.executable, "-m", "promptgrid", "export", "last", f"--{form}", str(out)], environment, home)
    first = 0.0
    while running.running and not first:
        if any(part.stat().st_size for part in home.glob(f".{out.name}.*.part")):
            first = time.perf_counter() - begun
        time.sleep(0.01)
    used = running.wait()
    if used.code:
        raise SystemExit((home / "output.txt").read_text())
    return used, first, out


def report(name: str, rows: int, used: Used, first: float, out: Path) -> None:
    rate, work = rows / used.seconds, rows / used.cpu_s
    print(
        f"{name:<22} {rows:>9,} rows  {used.seconds:7.1f} s  {rate:>8,.0f} rows/s  ({work:,.0f} a second of CPU)"
        f"  first bytes {first:.2f} s  peak RSS {used.peak_mb:.0f} MB  {out.stat().st_size / 1e6:,.0f} MB"
    )


class Nowhere:
    """Takes what is written, and forgets it."""

    def write(self, data: bytes) -> int:
        return len(data)


def writer_alone(home: Path) -> None:
    """CSV of rows that are in memory already."""
    from promptgrid.export import columns_for, write_csv
    from promptgrid.export.retrieved import named_rows
    from promptgrid.store import Database, cell_columns

    database = Database(home / "data" / "promptgrid.sqlite3")
    variables, checks = cell_columns.columns_of(database, "bench000")
    rows = list(islice(named_rows(database, "bench000", columns_for(variables, checks)), 20_000))
    out: Any = Nowhere()
    begun, worked = time.perf_counter(), time.process_time()
    write_csv(_again(rows, 10), out, variables=variables, checks=checks)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    count = 10 * len(rows)
    rate, work = count / seconds, count / cpu
    print(f"the CSV writer alone   {count:>9,} rows  {rate:>8,.0f} rows/s  ({work:,.0f} a second of CPU)")


def _again(rows: list[dict[str, Any]], times: int) -> Iterator[dict[str, Any]]:
    for _ in range(times):
        yield from rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        homes = options.home or Path(folder)
        many, fewer = homes / f"{options.rows}", homes / f"{OTHERS}"
        for home, rows in ((many, options.rows), (fewer, OTHERS)):
            if took := made(home, rows):
                print(f"a database of {rows:,} cells, made in {took:.0f} s")
        report("CSV", options.rows, *exported(many, "csv"))
        writer_alone(fewer)
        for form in FORMS:
            report(form, OTHERS, *exported(fewer, form))


if __name__ == "__main__":
    main()
