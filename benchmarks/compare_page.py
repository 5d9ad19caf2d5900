"""How long one waits for the Compare page in Chromium with 100,000 replies of 1,000 characters, and its memory.

Each step is timed from the click (or the last key) until what was asked for is drawn. The server of the page and the
browser share the machine, as they do for a user.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page

from benchmarks.dashboard_load import first_page
from benchmarks.harness import dashboard, machine
from benchmarks.many_replies import CHARACTERS, NEEDLE, REPLIES, make
from promptgrid.store import Database


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, and the sign that the page has drawn it: a part of its address, or an element."""

    name: str
    act: Callable[[Page], object]
    sign: str


def cell(page: Page, row: int, column: int) -> None:
    page.locator(".matrix tbody tr").nth(row).locator("td").nth(column).click()


AGAIN = "the page again, from its address"
STEPS = [
    Step("chip Wrong", lambda page: page.get_by_text("Wrong", exact=False).first.click(), "show=wrong"),
    Step("chip All", lambda page: page.get_by_text("All ", exact=False).first.click(), "!show="),
    Step("sort by a column", lambda page: page.locator("thead .sort").nth(2).click(), "by="),
    Step("turn it round", lambda page: page.locator("thead .sort").nth(2).click(), "order=down"),
    Step("back to the cases", lambda page: page.locator("thead .sort").first.click(), "!by="),
    Step(
        "page 2",
        lambda page: page.locator(".st-key-compare_page button").get_by_text("2", exact=True).click(),
        "page=2",
    ),
    Step("open a cell", lambda page: cell(page, 1, 1), "#.st-key-compare_detail code"),
    Step("next case (n)", lambda page: page.keyboard.press("n"), "case=23"),
    Step("close", lambda page: page.keyboard.press("Escape"), "!case="),
    Step("find a rare text", lambda page: page.get_by_label("Find").fill(NEEDLE.casefold()), "find="),
    Step("find nothing more", lambda page: page.get_by_label("Find").fill(""), "!find="),
]

# Components draw in a shadow root each, which querySelector does not look into.
_DRAWN = """said => {
  if (said.startsWith('!')) return !location.search.includes(said.slice(1));
  if (!said.startsWith('#')) return location.search.includes(said);
  const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
  return roots.some(root => root.querySelector(said.slice(1))?.checkVisibility());
}"""


def timed(page: Page, act: Callable[[Page], object], sign: str) -> float:
    begun = time.perf_counter()
    act(page)
    page.wait_for_function(_DRAWN, arg=sign, polling="raf", timeout=60_000)
    return time.perf_counter() - begun


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def server_pid(url: str) -> int:
    """The process that was started with this port."""
    port = url.rpartition(":")[2].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if port in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
        except OSError:
            continue
    raise SystemExit("The server is gone.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--replies", type=int, default=REPLIES)
    options = parser.parse_args()
    print(machine())
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "home" / "data"
        data.mkdir(parents=True)
        store = Database(data / "promptgrid.sqlite3")
        make(store, count=options.replies)
        store.close()
        print(f"{options.replies:,} replies of {CHARACTERS:,} characters")
        ours = {"PROMPTGRID_HOME": str(data.parent), "PROMPTGRID_BUILTIN_MODEL": "/nowhere.gguf"}
        with dashboard(**ours) as address, first_page(address) as page:
            measure(page, address.partition("/?")[0], options.rounds)


def measure(page: Page, url: str, rounds: int) -> None:
    pid = server_pid(url)
    before = rss_mb(pid)
    matrix = "#.matrix td .answer"
    first = timed(page, lambda page: page.get_by_role("link", name="Compare", exact=True).first.click(), matrix)
    print(f"{'first visit, all read from the database':<42} {first:5.2f} s")
    seconds_by_step: dict[str, list[float]] = {name: [] for name in (AGAIN, *(step.name for step in STEPS))}
    for _ in range(rounds):
        seconds_by_step[AGAIN].append(timed(page, lambda page: page.goto(f"{url}/Compare"), matrix))
        page.get_by_text("Summary", exact=True).wait_for()
        for step in STEPS:
            seconds_by_step[step.name].append(timed(page, step.act, step.sign))
    for name, seconds in seconds_by_step.items():
        print(f"{name:<42} {statistics.median(seconds):5.2f} s   ({min(seconds):.2f} to {max(seconds):.2f})")
    print(f"dashboard's memory: {before:.0f} MB before, {rss_mb(pid):.0f} MB after")


if __name__ == "__main__":
    main()
