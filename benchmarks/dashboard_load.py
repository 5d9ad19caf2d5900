"""How fast a page switches in Chromium while nothing runs, and while a run does 200 calls a second beside it.

The server of the pages, the browser and the run share the machine, as they do for a user.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from benchmarks.first_page import FLAGS, PAGES
from benchmarks.harness import Endpoint, Home, dashboard, endpoint, machine, new_home

LATENCY_MS = 200
CONCURRENCY = 40  # 40 at a time, 200 ms each: 200 a second
CALLS = 20_000  # more than it will get to
START_S = 120


@contextmanager
def first_page(url: str) -> Iterator[Page]:
    """The dashboard in Chromium, readable."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()
        page.goto(url)
        page.get_by_text("Try a prompt").first.wait_for()
        yield page
        browser.close()


def switches(page: Page, rounds: int) -> dict[str, list[float]]:
    """Seconds from the click to the page's own part on the screen, for each page in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in PAGES}
    for _ in range(rounds):
        for name, part in PAGES.items():
            clicked = time.perf_counter()
            page.get_by_role("link", name=name, exact=True).first.click()
            page.wait_for_function(
                "part => document.querySelector(part)?.checkVisibility()", arg=part, polling="raf", timeout=60_000
            )
            seconds[name].append(time.perf_counter() - clicked)
    return seconds


def under_load(page: Page, rounds: int, server: Endpoint, home: Home) -> tuple[dict[str, list[float]], float]:
    """The same while the run is at work, and how many calls a second it did meanwhile."""
    process = home.start_run(CONCURRENCY)
    end = time.monotonic() + START_S
    while server.stats()["answered"] < CONCURRENCY * 5:
        if not process.running or time.monotonic() > end:
            raise SystemExit(f"The run did not get going.\n{home.output()}")
        time.sleep(0.1)
    before, begun = server.stats()["answered"], time.perf_counter()
    try:
        seconds = switches(page, rounds)
        rate = (server.stats()["answered"] - before) / (time.perf_counter() - begun)
        if not process.running:
            raise SystemExit("The run ended before the pages did: give it more --calls.")
        return seconds, rate
    finally:
        process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how often each page is opened")
    parser.add_argument("--calls", type=int, default=CALLS, help="cells of the run")
    options = parser.parse_args()
    print(machine())
    with (
        endpoint(latency_ms=LATENCY_MS) as server,
        new_home(server.url, options.calls) as home,
        dashboard(PROMPTGRID_HOME=str(home.folder / "home"), PROMPTGRID_BUILTIN_MODEL="/nowhere.gguf") as url,
        first_page(url) as page,
    ):
        switches(page, 1)  # scripts of widgets are loaded, files are in memory
        idle = switches(page, options.rounds)
        busy, rate = under_load(page, options.rounds, server, home)
    for name in PAGES:
        before, beside = statistics.median(idle[name]), statistics.median(busy[name])
        print(f"→ {name:<9} idle {before:.2f} s, beside the run {beside:.2f} s: {beside / before:.2f} ×")
    before, beside = (statistics.median(s for one in times.values() for s in one) for times in (idle, busy))
    print(
        f"all pages   idle {before:.2f} s, beside the run {beside:.2f} s: {beside / before:.2f} ×; {rate:.0f} calls/s"
    )


if __name__ == "__main__":
    main()
