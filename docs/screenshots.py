"""Takes the README's pictures from the real dashboard, with the built-in model on a seeded example."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from promptgrid import builtin

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
PLAN = ["sentiment", "--technique", "zero-shot,few-shot", "--temperature", "0,0.7", "--samples", "3", "--seed", "7"]
expect.set_options(timeout=120_000)


def compose(page: Page, url: str) -> None:
    """The few-shot messages of `sentiment`, and a reply to them."""
    page.goto(f"{url}/Compose?prompt=sentiment")
    page.get_by_text("few-shot", exact=True).click()
    expect(page.get_by_text("example 1").first).to_be_visible()
    page.get_by_role("button", name=re.compile("Try once")).click()
    expect(page.get_by_text(re.compile("tokens/s"))).to_be_visible()


def run(page: Page, url: str) -> None:
    """A run that is on its way."""
    page.goto(f"{url}/Run?prompts=sentiment")
    page.locator(".st-key-start button").click()
    expect(page.get_by_text(re.compile(r"[1-9]\d* of 72.*left")).first).to_be_visible()


def compare(page: Page, url: str) -> None:
    """The matrix of the seeded run, with one cell open."""
    page.goto(f"{url}/Compare")
    page.get_by_role("grid").first.get_by_role("gridcell").nth(3).click()
    expect(page.get_by_text("Messages sent")).to_be_visible()


def judge(page: Page, url: str) -> None:
    """A pair of the blind arena, three votes on."""
    page.goto(f"{url}/Judge")
    for count in range(3):
        expect(page.get_by_text(re.compile(f"^{count} of"))).to_be_visible()
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_text(re.compile("^3 of"))).to_be_visible()


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        weights = builtin.fetch()
        os.environ["PROMPTGRID_HOME"] = home
        (Path(home) / "cache").mkdir()
        shutil.copy(weights, Path(home) / "cache" / weights.name)
        subprocess.run([sys.executable, "-m", "promptgrid", "run", *PLAN, "--max-tokens", "32"], cwd=ROOT, check=False)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "workbench.py", "--server.headless", "true"]
        server = subprocess.Popen([*command, "--server.port", str(port)], cwd=ROOT)
        try:
            take(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait()
            builtin.stop()


def take(url: str) -> None:
    """One picture a page, 1440 × 900, light."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        wait_for(page, url)
        for show in (compose, compare, judge, run):
            show(page, url)
            page.wait_for_timeout(1500)  # toasts and animations end
            page.screenshot(path=ROOT / "docs" / f"{show.__name__}.png")


def wait_for(page: Page, url: str) -> None:
    """The server answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0:
                return
        page.wait_for_timeout(100)


if __name__ == "__main__":
    main()
