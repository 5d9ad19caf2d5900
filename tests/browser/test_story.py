"""The main job in a real Chromium: compose, run at three temperatures, compare, download the CSV and read it back."""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acting import choose
from tests.faults.server import HostileServer
from tests.places import CHECKOUT

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard, Serve


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        running.answer = lambda body: "positive" if body.get("temperature", 1) < 1 else "mixed, I think"
        yield running


@pytest.fixture(scope="module")
def app(serve: Serve, server: HostileServer) -> Iterator[Dashboard]:
    with serve(CHECKOUT / "workbench.py", OPENAI_BASE_URL=server.url, PROMPTGRID_BUILTIN_MODEL="none.gguf") as running:
        yield running


@pytest.fixture
def page(app: Dashboard, browser: Browser) -> Iterator[Page]:
    context = app.context(browser, viewport={"width": 1440, "height": 900}, accept_downloads=True)
    yield context.new_page()
    context.close()


def run_of(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"run=\w{8}"))
    return page.url.split("run=")[1][:8]


def test_compose_run_compare_download(app: Dashboard, page: Page, server: HostileServer, tmp_path: Path) -> None:
    page.goto(f"{app.url}/Compose?prompt=sentiment")
    expect(page.get_by_text("case 1 of 18")).to_be_visible()
    page.get_by_text("few-shot", exact=True).click()
    expect(page.get_by_text("example 1").first).to_be_visible()

    page.locator(".st-key-compose_run button").click()
    choose(page, "run_models", "openai/ok")
    choose(page, "run_temperatures", "0", "0.7", "1.2")
    expect(page.get_by_role("button", name="Start · 108 calls")).to_be_enabled()
    page.locator(".st-key-start button").click()
    expect(page.get_by_text(re.compile("108 of 108")).first).to_be_visible()
    run = run_of(page)

    page.goto(f"{app.url}/Compare?run={run}")
    matrix = page.get_by_role("grid").first
    expect(matrix.get_by_role("columnheader")).to_have_count(7)  # the case, then 2 techniques × 3 temperatures
    expect(matrix.get_by_text("mixed").first).to_be_visible()
    matrix.get_by_role("gridcell").nth(1).click()
    page.locator(".st-key-compare_messages_open summary").click()
    expect(page.get_by_text("You label product reviews").first).to_be_visible()

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.locator(".st-key-compare_download_csv button").click()
    download.value.save_as(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 108
    assert Counter((row["temperature"], row["answer"]) for row in rows) == {
        ("0.0", "positive"): 36, ("0.7", "positive"): 36, ("1.2", "mixed"): 36,
    }  # fmt: skip
    assert server.calls("ok") == 108


def test_a_run_lives_through_a_refresh_and_shows_in_a_second_tab(
    app: Dashboard, page: Page, browser: Browser, server: HostileServer
) -> None:
    page.goto(f"{app.url}/Run?prompts=sentiment")
    model = "ok+ok+ok+hang"
    choose(page, "run_models", f"openai/{model}")
    choose(page, "run_temperatures", "0.3")
    page.locator(".st-key-start button").click()
    run = run_of(page)
    page.reload()
    expect(page.get_by_text(re.compile("3 of 36")).first).to_be_visible()
    other = app.context(browser).new_page()
    other.goto(f"{app.url}/Run?run={run}")
    other.locator(".st-key-run_cancel button").click()
    expect(page.get_by_text(re.compile("cancelled", re.I)).first).to_be_visible()
    other.context.close()
    sent = server.calls(model)
    assert 3 < sent < 36
    time.sleep(1)  # nothing may be sent now, and nothing tells so but time
    assert server.calls(model) == sent
