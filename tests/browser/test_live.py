"""A run as it is followed in a real browser: from any page, paused with calls in flight, extended when it is done."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from promptgrid import api
from promptgrid.runner import client
from promptgrid.store import Database, runs
from tests.faults.server import HostileServer
from tests.running import until

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard


@pytest.fixture(autouse=True)
def _all_are_let_go(endpoint: HostileServer) -> Iterator[None]:
    yield
    endpoint.latency_s, endpoint.passes = 0.0, None


def queued(bench: Dashboard, endpoint: HostileServer, cases: int, name: str, patch: pytest.MonkeyPatch) -> str:
    """A run that waits in the dashboard's database for its runner."""
    patch.setenv("OPENAI_BASE_URL", endpoint.url)
    (bench.home / "data").mkdir(exist_ok=True)
    database = Database(bench.home / "data" / "promptgrid.sqlite3")
    rows = [{"text": f"{name} {number}", "expected": "good"} for number in range(cases)]
    plan = api.plan(
        "sentiment",
        rows,
        models="openai/ok",
        temperatures=0.7,
        max_tokens=8,
        concurrency=4,
        name=name,
        show=lambda _: None,
    )
    run_id = client.submit(database, plan)
    database.close()
    return run_id


def test_a_queued_run_is_taken_up_and_its_end_told_on_another_page(
    bench: Dashboard, endpoint: HostileServer, tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.passes = 4
    name = "![x](http://127.0.0.1:9/x.png) run"
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    queued(bench, endpoint, 40, name, monkeypatch)
    tab.goto(f"{bench.url}/Library")
    foot = tab.locator(".st-key-pg_foot")
    expect(foot.get_by_text("10 % ![x](")).to_be_visible()
    endpoint.passes = None
    tab.wait_for_function("""() => {  // one look, since it stays for ten seconds; it covers no tool of the page
      const [menu, toast] = ["stSidebar", "stToast"].map(id => document.querySelector(`[data-testid=${id}]`));
      return /!\\[x\\]\\(.*run is done: 40 of 40 answered/.test(toast?.textContent)
        && toast.getBoundingClientRect().right <= menu.getBoundingClientRect().right }""")
    expect(foot.get_by_text("done: ![x](")).to_be_visible()
    assert [url for url in requests if not url.startswith((bench.url, "data:", "blob:"))] == []


def test_a_pause_waits_for_the_calls_in_flight_and_more_samples_are_added_at_the_end(
    bench: Dashboard, endpoint: HostileServer, tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.passes = 4
    run_id = queued(bench, endpoint, 40, "slow one", monkeypatch)
    tab.goto(f"{bench.url}/Run?run={run_id}")
    panel = tab.locator(".st-key-run_panel")
    expect(panel.get_by_text(re.compile("4 of 40 cells .*4 in flight"))).to_be_visible()
    tab.get_by_role("button", name="Pause").click()
    expect(panel.get_by_text("in flight are coming in")).to_be_visible()
    expect(tab.get_by_role("button", name="Cancel")).to_be_visible()
    endpoint.latency_s, endpoint.passes = 2.0, None  # those that are sent before the runner reads of the pause are slow
    expect(panel.get_by_text(re.compile(r"· paused ·"))).to_be_visible()
    endpoint.latency_s = 0.0
    tab.get_by_role("button", name="Resume").click()
    expect(panel.get_by_text("· 40 of 40")).to_be_visible()

    tab.get_by_role("button", name="Add samples or temperatures").click()
    samples = tab.get_by_label("Samples of each cell in total")
    samples.fill("3")
    samples.press("Enter")
    expect(tab.get_by_text("80 new cells")).to_be_visible()
    sent = endpoint.calls("ok")
    tab.get_by_role("button", name="Add and run").click()
    expect(panel.get_by_text("· 120 of 120")).to_be_visible()
    assert endpoint.calls("ok") == sent + 80


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
def test_a_run_whose_runner_was_killed_goes_on_though_nobody_looks(
    bench: Dashboard, endpoint: HostileServer, tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.passes = 8
    run_id = queued(bench, endpoint, 60, "orphan", monkeypatch)
    tab.goto(f"{bench.url}/Library")
    database = Database(bench.home / "data" / "promptgrid.sqlite3")
    until(lambda: runs.progress(database, run_id).done == 8)
    tab.close()
    note = bench.home / "data" / "runner.json"
    killed = json.loads(note.read_text())["pid"]
    os.kill(killed, signal.SIGKILL)
    endpoint.passes = None
    until(lambda: runs.find_run(database, run_id).status == "finished")
    assert json.loads(note.read_text())["pid"] != killed
    database.close()
