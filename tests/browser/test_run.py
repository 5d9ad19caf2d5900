"""From the first page to a finished run, in a real browser, against a model on loopback that is slow or breaks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from promptgrid.store import Database, drafts
from tests.browser.acting import choose
from tests.faults.server import HostileServer

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard


@pytest.fixture(scope="module", autouse=True)
def _draft(bench: Dashboard) -> None:
    database = Database(bench.home / "data" / "promptgrid.sqlite3")
    drafts.keep_draft(database, "run", {"run_models": ["openai/slow"], "run_max_tokens": 8, "run_concurrency": 1})
    database.close()


def test_a_run_is_started_seen_elsewhere_reloaded_paused_and_finished(
    bench: Dashboard, endpoint: HostileServer, tab: Page
) -> None:
    endpoint.passes = 5
    tab.goto(f"{bench.url}/Run")
    start = tab.get_by_role("button", name="Start").last
    expect(start).to_be_enabled()
    expect(tab.get_by_role("button", name="Start · 72 calls")).to_be_enabled()
    start.click()
    expect(tab.get_by_role("button", name="Pause")).to_be_visible()
    panel = tab.locator(".st-key-run_panel")
    expect(panel.get_by_text("5 of 72")).to_be_visible()

    tab.reload()  # the session is gone, the run goes on
    expect(panel.get_by_text(re.compile("5 of 72 .*left"))).to_be_visible()
    other = tab.context.new_page()
    other.goto(tab.url)
    other.get_by_role("button", name="Pause").click()
    expect(panel.get_by_text("1 call in flight is coming in")).to_be_visible()
    endpoint.passes = None
    expect(tab.get_by_role("button", name="Resume")).to_be_visible()
    endpoint.passes = 0

    tab.get_by_role("button", name="Resume").click()
    expect(tab.get_by_role("button", name="Pause")).to_be_visible()
    expect(other.get_by_role("button", name="Pause")).to_be_visible()
    other.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_text(re.compile(r"· cancelled ·"))).to_be_visible()
    expect(tab.get_by_role("button", name="Compare")).to_be_visible()


def test_ctrl_enter_starts_and_what_failed_says_what_to_do(
    bench: Dashboard, endpoint: HostileServer, tab: Page
) -> None:
    endpoint.passes = None
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(f"{bench.url}/Run")
    expect(tab.get_by_role("button", name="Start").last).to_be_enabled()
    choose(tab, "run_models", "openai/filtered")
    expect(tab.locator(".st-key-start button")).to_contain_text("72 calls")
    expect(tab.get_by_role("button", name="Start").last).to_be_enabled()
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(".st-key-run_panel").get_by_text("72 of 72 cells · 72 failed")).to_be_visible()
    expect(tab.get_by_text("Withheld, spent on reasoning")).to_be_visible()
    assert [url for url in requests if not url.startswith((bench.url, "data:", "blob:"))] == []
