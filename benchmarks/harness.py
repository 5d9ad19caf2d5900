"""What the benchmarks of runs share: the fast endpoint, a home with a prompt and cases, processes that are measured.

Kept light on purpose: a child's peak RSS, as the kernel reports it, begins with its parent's.
"""

from __future__ import annotations

import csv
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODEL = "gpt-4o-mini"
PROMPT = """---
name: repeat
inputs: [{name: number, kind: string}]
model: {options: {temperature: 0, maxOutputTokens: 16}}
template: {format: {kind: jinja2}, parser: {kind: prompty}}
---
system:
You repeat what you are told, and add nothing.
user:
Repeat this number: {{ number }}
"""


@dataclass(frozen=True)
class Endpoint:
    """A running wire.py."""

    url: str

    def stats(self) -> dict[str, Any]:
        """Its counts; see wire.py."""
        return self._get("stats")

    def books(self) -> dict[str, dict[str, int]]:
        """How often each prompt was asked and answered."""
        return self._get("books")

    def _get(self, name: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url.replace("/v1", f"/{name}"), timeout=30) as answer:
            body: dict[str, Any] = json.load(answer)
        return body


@contextmanager
def endpoint(*, latency_ms: float, fail: str = "", slots: int | None = None, seed: int = 0) -> Iterator[Endpoint]:
    """A fast endpoint in a process of its own, with books of its own."""
    command = [sys.executable, str(HERE / "wire.py"), "--latency-ms", str(latency_ms), "--fail", fail]
    command += ["--seed", str(seed)] + (["--slots", str(slots)] if slots else [])
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield Endpoint(server.stdout.readline().strip())
    finally:
        server.kill()
        server.communicate()


@dataclass(frozen=True)
class Used:
    """What a process took, from its start to its end; CPU is user and system."""

    seconds: float
    cpu_s: float
    peak_mb: float
    code: int


class Started:
    """A process whose output goes to a file."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self._begun = time.perf_counter()
        with (folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)

    def wait(self) -> Used:
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = code = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - self._begun
        return Used(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code)

    @property
    def running(self) -> bool:
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    @property
    def cpu_s(self) -> float:
        """The CPU that the process has used so far, user and system, to a hundredth of a second."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> Used:
        """kill -9."""
        self._process.kill()
        return self.wait()


@dataclass(frozen=True)
class Home:
    """A folder with a prompt, `calls` cases and Promptgrid's data, whose endpoint `openai` is the given one.

    The code is that of the folder `checkout` (None: the one that python finds). `database` is the URL of the store ("":
    a file in the home).
    """

    folder: Path
    url: str
    calls: int
    checkout: Path | None = None
    database: str = ""

    @property
    def cases(self) -> Path:
        return self.folder / "cases.csv"

    @property
    def results(self) -> Path:
        return self.folder / "out.csv"

    def start(self, *arguments: str) -> Started:
        """`promptgrid ARGUMENTS…` in this home."""
        # Python may keep compiled modules, as it does for a user: without them, imports take a third of a second more.
        not_ours = ("OPENAI_", "PROMPTGRID_", "PYTHONDONTWRITEBYTECODE")
        variables = {k: v for k, v in os.environ.items() if not k.startswith(not_ours)}
        ours = {"PROMPTGRID_HOME": str(self.folder / "home"), "OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "none"}
        ours |= {"PYTHONPATH": str(self.checkout)} if self.checkout else {}
        ours |= {"PROMPTGRID_DATABASE": self.database} if self.database else {}
        return Started([sys.executable, "-m", "promptgrid", *arguments], variables | ours, self.folder)

    def start_run(self, concurrency: int, *more: str) -> Started:
        """The whole way, from the cases to the CSV."""
        model = f"openai/{MODEL}"
        arguments = ["repeat.prompty", "--cases", self.cases.name, "--model", model, "--csv", self.results.name]
        return self.start("run", *arguments, "--concurrency", str(concurrency), *more)

    def set_timeout(self, seconds: float) -> None:
        """How long a call may take: the default is made for models that think."""
        config = self.folder / "home" / "config" / "endpoints.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(f'[openai]\nbase_url = "{self.url}"\ntimeout_s = {seconds}\n')

    def output(self) -> str:
        """What the processes printed."""
        return (self.folder / "output.txt").read_text(encoding="utf-8", errors="replace")

    def committed(self) -> int:
        """How many replies are in the database."""
        database = sqlite3.connect(f"file:{self.folder}/home/data/promptgrid.sqlite3?mode=ro", uri=True)
        try:
            return int(database.execute("SELECT count(*) FROM replies").fetchone()[0])
        finally:
            database.close()

    def answered(self) -> int:
        """How many rows of the results file have the answer that belongs to their case."""
        with self.results.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            return sum(row["status"] == "answered" and row["output"] == row["var.number"] for row in rows)

    def answered_by_hand(self) -> int:
        """The same for the hand-written loop's file."""
        with (self.folder / "out.jsonl").open(encoding="utf-8") as file:
            rows = map(json.loads, file)
            return sum(row.get("output") == row["number"] for row in rows)


@contextmanager
def new_home(
    url: str, calls: int, *, prompt: str = PROMPT, checkout: Path | None = None, database: str = ""
) -> Iterator[Home]:
    """A fresh one, so that nothing is reused."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder), url, calls, checkout, database)
        (home.folder / "repeat.prompty").write_text(prompt)
        home.cases.write_text("number\n" + "".join(f"{number}\n" for number in range(calls)))
        yield home


@contextmanager
def dashboard(**environment: str) -> Iterator[str]:
    """The dashboard in a process of its own: the address that it prints, with its key."""
    with dashboard_of(None, environment) as url:
        yield url


@contextmanager
def dashboard_of(checkout: Path | None, environment: dict[str, str]) -> Iterator[str]:
    """The same, from the code in the folder `checkout` (None: this one)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "promptgrid", "dashboard", "--no-browser", "--port", port]
    server = subprocess.Popen(command, cwd=checkout, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[3]
    finally:
        server.terminate()
        server.communicate()


def sdk_loop(home: Home, concurrency: int, *, timeout_s: float = 120.0) -> Used:
    """The hand-written loop over the same cases (see sdk_loop.py)."""
    command = [sys.executable, str(HERE / "sdk_loop.py"), "--url", home.url, "--cases", str(home.cases)]
    command += ["--concurrency", str(concurrency), "--out", str(home.folder / "out.jsonl")]
    return Started([*command, "--timeout-s", str(timeout_s)], dict(os.environ), home.folder).wait()


def machine() -> str:
    """What the figures were taken on, in a line."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    load = os.getloadavg()[0]
    python = sys.version.split()[0]
    return f"{os.cpu_count()} cores, {cpu.split(':')[1].strip()}, Python {python}, load {load:.1f} at the start"
