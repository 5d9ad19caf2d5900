"""From `streamlit run` to the first page that a person can read in Chromium, and from there to each other page.

Chromium starts before the clock; its cache is empty for the first page of each round, as on the first day.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROUNDS = 5
ROOT = Path(__file__).parents[1]
PAGES = {
    "Compose": ".st-key-compose_technique",
    "Run": ".st-key-run_temperatures",
    "Library": ".st-key-library_find",
    "Settings": ".st-key-endpoints_check",
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def one_round(browser: Browser) -> dict[str, float]:
    """Seconds for each step of one server's life, in a home of its own."""
    seconds = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        port = free_port()
        environment = {**os.environ, "PROMPTGRID_HOME": home, "PROMPTGRID_BUILTIN_MODEL": "/nowhere.gguf"}
        command = [sys.executable, "-m", "streamlit", "run", "workbench.py", "--server.headless", "true"]
        page = browser.new_context().new_page()
        begun = time.perf_counter()
        server = subprocess.Popen(
            [*command, "--server.port", str(port)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                time.sleep(0.02)
            seconds["port open"] = time.perf_counter() - begun
            page.goto(f"http://127.0.0.1:{port}")
            page.get_by_text("Try a prompt").first.wait_for()
            seconds["first page visible"] = time.perf_counter() - begun
            for name, part in PAGES.items():
                clicked = time.perf_counter()
                page.get_by_role("link", name=name, exact=True).first.click()
                page.locator(part).wait_for()
                seconds[f"home → {name}"] = time.perf_counter() - clicked
        finally:
            server.terminate()
            server.wait()
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
