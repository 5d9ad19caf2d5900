"""CPU time of what a user types most: `--help`, `plan`, `runs`. Median of several runs, beside bare python."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 9
ROOT = Path(__file__).parents[1]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "promptgrid --help": [sys.executable, "-m", "promptgrid", "--help"],
    "promptgrid runs": [sys.executable, "-m", "promptgrid", "runs"],
    "promptgrid plan sentiment": [sys.executable, "-m", "promptgrid", "plan", "sentiment"],
}


def cpu_s(command: list[str]) -> float:
    """Seconds of CPU, user and system, of one run of the command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["PROMPTGRID_HOME"] = home
        medians = {}
        for name, command in COMMANDS.items():
            cpu_s(command)  # byte code is compiled, files are in memory
            medians[name] = statistics.median(cpu_s(command) for _ in range(RUNS))
    bare = medians["python -c pass"]
    for name, seconds in medians.items():
        print(f"{name:<28} {seconds * 1000:7.0f} ms of CPU   {seconds / bare:5.1f} × bare python")


if __name__ == "__main__":
    main()
