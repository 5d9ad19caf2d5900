"""What the columns are worth, on the Compare page, and the press that sends the fair comparison."""

from __future__ import annotations

from functools import partial

import pytest

from promptgrid.runner import client
from promptgrid.store import Database
from promptgrid.store.across.fair_runs import fair_runs
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.sums import refining, run_of
from tests.ui import pages
from tests.ui.pages import press, ran, shown

opened = partial(pages.page, "3_Compare.py")


def test_one_press_sends_the_fair_comparison_and_the_table_shows_it(
    database: Database, endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.answer = refining
    monkeypatch.setattr(client, "ensure_runner", lambda: None)  # the test carries the run out
    techniques = ["self-consistency", "self-refine:rounds=1"]
    run_id, (_, steps) = run_of(database, techniques=techniques, samples=3, temperatures=[1.0])
    page = opened(run=run_id)
    page.session_state["compare_worth_open"] = True
    ran(page)
    key = f"compare_fair_{steps.head.id}"
    assert page.button(key=key).label == "Run the fair comparison · 16 calls · free"
    assert "too few replies for 5 votes of self-consistency" in shown(page)
    before = endpoint.calls("ok")
    press(page, key)
    (fair,) = fair_runs(database, run_id)
    assert endpoint.calls("ok") == before
    assert "0 of 40 done; this page updates itself" in shown(page)
    assert key not in [button.key for button in page.button]
    links = [link.proto for link in pages.opened("2_Run.py", run=fair.id).get("page_link")]
    (back,) = (link for link in links if link.label == "The run it is compared with")
    assert f"run={run_id}" in back.query_string
    assert carried_out(database, fair.id) == "finished"
    assert endpoint.calls("ok") - before == 16
    ran(page)
    assert "too few replies" not in shown(page)
    variants = list(page.dataframe[-1].value["Variant"])
    assert "↳ 5 votes of self-consistency" in variants
