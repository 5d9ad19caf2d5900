"""The home page: what a first visitor sees, and what somebody sees who comes back."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import connections
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.ui import home
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import shown


@pytest.fixture
def visit(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page before its first run; the built-in model is missing, the hostile endpoint stands in for it."""
    monkeypatch.setattr(home, "_example_model", lambda: "openai/ok")
    return pages.page()


def test_a_first_visitor_presses_one_button_to_get_a_result(visit: AppTest) -> None:
    page = visit.run()
    assert not page.exception
    page.button(key="home_example_run").click().run()
    assert not page.exception
    [run] = runs.list_runs(Database())
    plan = runs.plan_of(Database(), run.id)
    assert (run.total, plan.axes["temperature"], len(plan.cases)) == (24, (0.0, 0.7), 6)


def test_somebody_who_comes_back_sees_the_runs_and_no_example(visit: AppTest) -> None:
    run_id = client.start(Database(), home.example_plan())
    page = visit.run()
    assert not page.exception
    assert "home_example_run" not in [button.key for button in page.button]
    assert "waiting to start, 0 of 24" in shown(page)
    assert runs.find_run(Database(), run_id).status == "queued"


def test_missing_weights_are_said_with_a_way_to_try_again(visit: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_example_model", lambda: "builtin/smollm2-135m-instruct")
    page = visit.run()
    assert page.button(key="home_example_run").disabled
    assert page.button(key="weights_retry").label == "Try again"
    assert "there is no such file" in shown(page)


def test_every_endpoint_has_its_line(visit: AppTest) -> None:
    text = shown(visit.run())
    assert "**builtin**" in text
    assert f"**openai** {len(connections.check('openai').models)} models" in text
