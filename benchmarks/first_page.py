"""From `promptgrid` to the first page that a person can read in Chromium, and from there to each other page.

Chromium starts before the clock; its cache is empty for the first page of each round, as on the first day.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time

from playwright.sync_api import Browser, sync_playwright

from benchmarks.harness import dashboard

ROUNDS = 5
PAGES = {
    "Compose": ".st-key-compose_technique",
    "Run": ".st-key-run_temperatures",
    "Library": ".st-key-library_find",
    "Settings": ".st-key-endpoints_check",
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


def one_round(browser: Browser) -> dict[str, float]:
    """Seconds for each step of one server's life, in a home of its own."""
    seconds = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        page = browser.new_context().new_page()
        begun = time.perf_counter()
        with dashboard(PROMPTGRID_HOME=home, PROMPTGRID_BUILTIN_MODEL="/nowhere.gguf") as url:
            seconds["address printed"] = time.perf_counter() - begun
            page.goto(url)
            page.get_by_text("Try a prompt").first.wait_for()
            seconds["first page visible"] = time.perf_counter() - begun
            for name, part in PAGES.items():
                clicked = time.perf_counter()
                page.get_by_role("link", name=name, exact=True).first.click()
                page.locator(part).wait_for()
                seconds[f"home → {name}"] = time.perf_counter() - clicked
        page.context.close()
    return seconds


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        rounds = [one_round(browser) for _ in range(ROUNDS)]
    for step in rounds[0]:
        values = sorted(r[step] for r in rounds)
        print(f"{step:<22} median {statistics.median(values):5.2f} s   ({values[0]:.2f} to {values[-1]:.2f})")


if __name__ == "__main__":
    main()
