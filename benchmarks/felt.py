"""What a person waits for in the dashboard: the first page, another page, a key, a cell. In Chromium, median of 5.

    python -m benchmarks.felt                       this checkout
    python -m benchmarks.felt --against FOLDER      and another one, in turn: the ratio is that of the same minutes

Each round starts a server in a home of its own, with a run of 1,000 replies; server and browser share the machine, as
they do for a user. The pages are opened once before they are timed: what is loaded once a session counts for the first
page only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.first_page import FLAGS, PAGES
from benchmarks.harness import dashboard_of, machine

HERE = Path(__file__).parents[1]
ROUNDS, KEYS = 5, 6
REPLIES = 1_000
GOALS = {"first page": 2.2, "page to page": 0.5, "key to preview": 0.25, "cell to pane": 0.3}

# Components draw in a shadow root each, which querySelector does not look into.
_HOLDS = """([selector, text]) => {
  const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
  return roots.some(root => [...root.querySelectorAll(selector)].some(
    node => node.checkVisibility() && node.textContent.includes(text)));
}"""


def holds(page: Page, selector: str, text: str = "") -> None:
    """Returns as soon as an element of the page has the text, or is there at all."""
    page.wait_for_function(_HOLDS, arg=[selector, text], polling="raf", timeout=60_000)


def timed(act: Callable[[], object], drawn: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    drawn()
    return time.perf_counter() - begun


def idle(page: Page) -> None:
    page.wait_for_timeout(400)
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")


def open_page(page: Page, name: str, part: str) -> float:
    link = page.locator("[data-testid=stSidebar]").get_by_role("link", name=name, exact=True)
    seconds = timed(link.click, lambda: holds(page, part))
    idle(page)
    return seconds


def page_to_page(page: Page) -> float:
    visits = [open_page(page, name, part) for _ in range(2) for name, part in PAGES.items()]
    return statistics.median(visits[len(PAGES) :])


def key_to_preview(page: Page) -> float:
    """From a key in the last message until the messages on the right have its letter."""
    open_page(page, "Compose", PAGES["Compose"])
    field = page.get_by_role("textbox", name="user").last
    field.press("Control+End")
    seconds = []
    for typed in ("q" * count for count in range(1, KEYS + 1)):
        seconds.append(timed(lambda: page.keyboard.type("q"), partial(holds, page, ".messages", typed)))
        page.wait_for_timeout(700)
    field.blur()
    idle(page)
    return statistics.median(seconds[1:])


def cell_to_pane(page: Page) -> float:
    """From a click on a cell until the pane names its case."""
    open_page(page, "Compare", ".matrix td")
    seconds = []
    for row in range(1, 7):
        cell = page.locator(".matrix tbody tr").nth(row).locator("td").nth(row % 2)
        case = page.locator(".matrix tbody tr").nth(row).locator("th .name").text_content() or ""
        number = case.split()[0]
        seconds.append(timed(cell.click, partial(holds, page, ".st-key-compare_detail", f"Case {number}")))
        idle(page)
    return statistics.median(seconds[1:])


def one_round(browser: Browser, folder: Path) -> dict[str, float]:
    """Seconds for each step on the code in `folder`, with a server and a home of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        ours = {"PROMPTGRID_HOME": home, "PROMPTGRID_BUILTIN_MODEL": "/nowhere.gguf", "PYTHONPATH": str(folder)}
        data = Path(home) / "data"
        data.mkdir()
        seed = [sys.executable, "-m", "benchmarks.many_replies", str(data), str(REPLIES)]
        subprocess.run(seed, cwd=folder, env=os.environ | ours, check=True, stdout=subprocess.DEVNULL)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        begun = time.perf_counter()
        with dashboard_of(folder, ours) as url:
            page.goto(url)
            holds(page, ".st-key-home_step_edit_note")
            seconds = {"first page": time.perf_counter() - begun}
            idle(page)
            seconds |= {
                step.__name__.replace("_", " "): step(page) for step in (page_to_page, key_to_preview, cell_to_pane)
            }
        page.context.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout, measured in turn")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    print(machine())
    folders = [HERE] if options.against is None else [options.against.resolve(), HERE]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        rounds = [[one_round(browser, folder) for folder in folders] for _ in range(options.rounds)]
    for step, goal in GOALS.items():
        medians = [statistics.median(one[at][step] for one in rounds) for at in range(len(folders))]
        before = f"   before {medians[0]:.2f} s, {medians[-1] / medians[0]:.2f} ×" if len(folders) > 1 else ""
        values = sorted(one[-1][step] for one in rounds)
        print(f"{step:<16} {medians[-1]:5.2f} s ({values[0]:.2f} to {values[-1]:.2f}), goal {goal:.2f} s{before}")


if __name__ == "__main__":
    main()
