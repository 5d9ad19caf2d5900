"""Runs the tests again and again beside a busy loop on each core, to find those that fail by timing.

python -m benchmarks.busy                               # ten rounds of the whole suite: hours
python -m benchmarks.busy --rounds 3 -- tests/runner    # what stands behind `--` is for pytest
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import machine

_ROOT = Path(__file__).parents[1]
_BAD = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keeps `count` cores busy while the block runs."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def failures(arguments: Sequence[str]) -> list[str]:
    """Runs pytest once with these arguments, prints its last line, or all that it says if a test fails, and returns the
    names of the tests that failed."""
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    bad = _BAD.findall(done.stdout)
    print(done.stdout if bad else f"  {(done.stdout or done.stderr).splitlines()[-1]}", flush=True)
    return bad if done.returncode in (0, 1) else [f"pytest ended with {done.returncode}: {done.stderr[-500:]}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="how often the tests run")
    parser.add_argument("--loops", type=int, default=os.cpu_count() or 1, help="busy loops beside them: one a core")
    parser.add_argument("arguments", nargs="*", help="what pytest is given")
    options = parser.parse_args()
    print(f"{machine()}; {options.loops} busy loops")
    bad = Counter[str]()
    with busy_loops(options.loops):
        for number in range(1, options.rounds + 1):
            print(f"round {number}", flush=True)
            bad.update(failures(options.arguments))
    for name, count in bad.most_common():
        print(f"{count} of {options.rounds}: {name}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
