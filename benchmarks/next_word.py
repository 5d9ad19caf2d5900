"""How long the Next word page takes to show what comes next, from the moment in which the built-in model has answered.

A token is pressed in Chromium; the answer's moment is the one at which its reply was stored, the drawing's that of the
animation frame after the new bars are there. Model, server and browser share the machine, as they do for a user.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from benchmarks.first_page import FLAGS
from benchmarks.harness import dashboard, machine
from promptgrid import builtin

_WATCH = """() => {
  const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
  const list = roots.map(root => root.querySelector('.token-bars .list')).find(Boolean);
  window.drawn = 0;
  new MutationObserver(() => requestAnimationFrame(() => { window.drawn = Date.now() / 1000 }))
    .observe(list, {childList: true});
}"""


def presses(page: Page, database: Path, rounds: int) -> list[tuple[float, float, float]]:
    """(the model's answer, from there until it is drawn, from the press until it is drawn) in ms, for each press."""
    times = []
    bars = page.locator(".token-bars button.row")
    bars.first.wait_for(timeout=120_000)
    page.evaluate(_WATCH)
    for number in range(rounds):
        page.evaluate("window.drawn = 0")
        pressed = time.time()
        bars.nth(number % 3).click()
        page.wait_for_function("window.drawn", polling="raf", timeout=60_000)
        drawn_at = page.evaluate("window.drawn")
        with sqlite3.connect(database) as connection:
            query = "select latency_ms, created from replies where kind = 'look' order by id desc limit 1"
            latency_ms, answered = connection.execute(query).fetchone()
        times.append((latency_ms, 1000 * (drawn_at - answered), 1000 * (drawn_at - pressed)))
        page.wait_for_timeout(300)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    print(machine())
    weights = builtin.fetch()
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ["PROMPTGRID_HOME"] = home
        (Path(home) / "cache").mkdir()
        (Path(home) / "cache" / weights.name).symlink_to(weights)
        with dashboard() as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = browser.new_page()
            page.goto(url.replace("/?key=", "/Next_word?key="))
            times = presses(page, Path(home) / "data" / "promptgrid.sqlite3", options.rounds)
            browser.close()
        builtin.stop()
    names = ("the model's answer", "from there until drawn", "press until drawn")
    for name, column in zip(names, zip(*times, strict=True), strict=True):
        print(f"{name:<24} median {statistics.median(column):4.0f} ms   ({min(column):.0f} to {max(column):.0f})")


if __name__ == "__main__":
    main()
