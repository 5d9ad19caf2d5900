"""Takes the README's pictures from the real dashboard, with the built-in model on a seeded example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from promptgrid import builtin

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
PLAN = ["sentiment", "--technique", "zero-shot,few-shot", "--temperature", "0,0.7,1.2", "--samples", "3", "--seed", "7"]
CASES = 8
expect.set_options(timeout=120_000)


def compose(page: Page, url: str) -> None:
    """The few-shot messages of `sentiment`, and a reply to them."""
    page.goto(f"{url}/Compose?prompt=sentiment")
    page.get_by_text("few-shot", exact=True).click()
    expect(page.get_by_text("example 1").first).to_be_visible()
    page.get_by_role("button", name=re.compile("Try once")).click()
    expect(page.get_by_text(re.compile("first token"))).to_be_visible()


def run(page: Page, url: str) -> None:
    """A run that is on its way."""
    page.goto(f"{url}/Run?prompts=sentiment")
    page.locator(".st-key-start button").click()
    expect(page.get_by_text(re.compile(r"[1-9]\d* of 72.*left")).first).to_be_visible()


def compare(page: Page, url: str) -> None:
    """The cases of the seeded run whose answers differ, and how one reply differs from the baseline's."""
    page.goto(f"{url}/Compare?show=differ")
    page.locator("td").filter(has=page.locator(".differs")).first.click()
    expect(page.get_by_text("Messages sent")).to_be_visible()
    page.wait_for_timeout(1500)  # or the list closes again when the pane is drawn anew
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option", name="the baseline").click()
    expect(page.locator(".words-diff pre")).to_be_visible()


def curves(page: Page, url: str) -> None:
    """The seeded run's score and variety over the temperature."""
    page.goto(f"{url}/Curves")
    expect(page.get_by_test_id("stVegaLiteChart").nth(2).locator("canvas, svg").first).to_be_visible()


def judge(page: Page, url: str) -> None:
    """A pair of the blind arena, three votes on."""
    page.goto(f"{url}/Judge")
    for count in range(3):
        expect(page.get_by_text(re.compile(f"^{count} of"))).to_be_visible()
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_text(re.compile("^3 of"))).to_be_visible()


def tokens(page: Page, url: str) -> None:
    """A sentence in two languages, as the built-in model and a large one read it."""
    page.goto(f"{url}/Tokens")
    expect(page.locator(".piece.half").first).to_be_visible()
    page.get_by_role("textbox", name="Text", exact=True).click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("I like bananas, unbelievably so.\n我喜欢香蕉。\n\nprint(12345 * 0.19)")
    expect(page.locator(".st-key-tokens_text [data-pg-note]")).to_have_attribute("data-pg-note", "41 tokens")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".piece").get_by_text("print", exact=True).first).to_be_visible()
    page.wait_for_timeout(1500)  # or the pieces are drawn anew under the pointer
    page.locator(".piece.half").nth(8).hover()


def chat(page: Page, url: str) -> None:
    """The food order with two temperatures side by side, in a window that has become too small for all of it."""
    page.goto(f"{url}/Chat")
    page.get_by_role("button", name="Start with the food order").click()
    page.get_by_role("button", name="Add a variant").click()
    temperature = page.get_by_role("spinbutton", name="Temperature").nth(1)
    temperature.fill("1.5")
    temperature.press("Tab")
    room = page.get_by_role("spinbutton", name="Room for the reply, in tokens")
    room.fill("64")
    room.press("Tab")
    expect(page.locator(".st-key-chat_tokens")).to_contain_text("room for reply 64")
    page.get_by_role("button", name=re.compile("^Send")).click()
    expect(page.locator(".chat section")).to_have_count(2)
    expect(page.get_by_role("button", name=re.compile("^Send"))).to_be_visible()
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowLeft")
    expect(page.get_by_text("not sent").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Send")).scroll_into_view_if_needed()


def next_word(page: Page, url: str) -> None:
    """What comes after `The quick brown fox`, sampled, and 20 tokens that the model has written."""
    page.goto(f"{url}/Next_word")
    bars = page.locator(".token-bars button.row")
    expect(bars.first).to_be_visible()
    page.get_by_role("button", name="Write 20 tokens").click()
    expect(page.locator(".st-key-next_trail_row .token")).to_have_count(20)
    page.get_by_role("button", name="Sample 50 times").click()
    expect(page.get_by_text("50 samples drawn")).to_be_visible()
    page.locator(".st-key-next_trail_row .token").nth(3).hover()


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        weights = builtin.fetch()
        os.environ["PROMPTGRID_HOME"] = home
        (Path(home) / "cache").mkdir()
        shutil.copy(weights, Path(home) / "cache" / weights.name)
        cases = Path(home) / "cases.csv"
        rows = (ROOT / "prompts" / "cases" / "sentiment.csv").read_text("utf-8").splitlines()
        cases.write_text("\n".join(rows[: 1 + CASES]), "utf-8")
        options = [*PLAN, "--max-tokens", "16", "--cases", str(cases)]
        subprocess.run([sys.executable, "-m", "promptgrid", "run", *options], cwd=ROOT, check=False)
        command = [sys.executable, "-m", "promptgrid", "dashboard", "--no-browser"]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            take(server.stdout.readline().split()[3])
        finally:
            server.terminate()
            server.communicate()
            builtin.stop()


def take(address: str) -> None:
    """Opens the address that the dashboard printed, with its key, and takes one picture a page, 1440 × 900, light."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.goto(address)
        page.get_by_role("link", name="Compose", exact=True).first.wait_for()
        url = address.partition("/?")[0]
        for show in (compose, compare, curves, judge, tokens, next_word, chat, run):
            show(page, url)
            page.wait_for_timeout(1500)  # toasts and animations end
            page.screenshot(path=ROOT / "docs" / f"{show.__name__}.png")


if __name__ == "__main__":
    main()
