"""What a reader does with a cell of the Compare page: copies it, changes what is expected, runs it again."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import api, compare
from promptgrid.compare import View
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, expectations, results, runs
from promptgrid.ui.compare.actions import row_text
from tests.faults.answers import prompt_text
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.ui import pages
from tests.ui.pages import press, ran, shown

JUDGE = Prompt("judge", (Message("user", "Judge {{ text }}."),), answer=AnswerRule("label", ("good", "bad")))


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: "bad" if "case 2" in prompt_text(body) else "It is good."


@pytest.fixture
def run_id(database: Database) -> str:
    """Two cases with two samples: one right, one wrong."""
    return finished(database)


def finished(database: Database, checks: list[str] | None = None) -> str:
    rows = [{"text": "case 1", "expected": "good"}, {"text": "case 2", "expected": "good"}]
    plan = api.plan(JUDGE, rows, models="openai/ok", samples=2, checks=checks, temperatures=[0])
    carried_out(database, run_id := client.submit(database, plan))
    return run_id


def pane(database: Database, run_id: str, case_id: str = "2", **state: object) -> AppTest:
    """The page with the pane of the case's cell."""
    (column,) = compare.comparison_rows(database, compare.facts(database, run_id), View()).columns
    page = pages.page("3_Compare.py", run=run_id, case=case_id, variant=column.id)
    for key, value in state.items():
        page.session_state[key] = value
    return ran(page)


def expected_of(database: Database, run_id: str) -> list[tuple[str | None, float | None]]:
    """What each reply's case expects, and its score."""
    rows = results.result_rows(database, run_id)
    return [(row.expected, row.scores["label"].value if row.scores else None) for row in rows]


def test_what_a_case_expects_is_changed_and_its_scores_are_read_anew_with_a_way_back(
    database: Database, run_id: str
) -> None:
    page = pane(database, run_id, compare_expected_0=True)
    assert page.button(key="compare_expected_save").label == "Save and score 2 cells anew"
    page.text_area(key=f"expected_{run_id}_2").set_value(" bad ")
    press(page, "compare_expected_save")
    assert expected_of(database, run_id) == [("good", 1.0)] * 2 + [("bad", 1.0)] * 2
    assert "Expected was changed" in shown(page)
    assert "it was “good”" in shown(page)
    assert "good" in shown(pane(database, run_id))
    press(page, "compare_expected_undo")
    assert expected_of(database, run_id) == [("good", 1.0)] * 2 + [("good", 0.0)] * 2
    assert "Expected was changed" not in shown(page)


def test_a_case_may_expect_nothing(database: Database, run_id: str) -> None:
    page = pane(database, run_id, compare_expected_0=True)
    page.text_area(key=f"expected_{run_id}_2").set_value("")
    press(page, "compare_expected_save")
    assert expected_of(database, run_id)[2:] == [(None, None)] * 2
    assert "it was “good”" in shown(page)


def test_calls_to_judges_stand_on_the_button_and_are_made(database: Database, endpoint: HostileServer) -> None:
    run_id = finished(database, ["label", "judge:model=openai/honours-temperature"])
    calls = endpoint.calls("honours-temperature")
    page = pane(database, run_id, compare_expected_0=True)
    assert page.button(key="compare_expected_save").label == "Save and score 2 cells anew · up to 2 calls"
    page.text_area(key=f"expected_{run_id}_2").set_value("bad")
    press(page, "compare_expected_save")
    until(lambda: all(len(row.scores) == 2 for row in results.result_rows(database, run_id)))
    assert endpoint.calls("honours-temperature") - calls in (1, 2)
    assert expected_of(database, run_id)[2:] == [("bad", 1.0)] * 2


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_change_that_the_run_does_not_allow_is_said(database: Database, run_id: str) -> None:
    page = pane(database, run_id, compare_expected_0=True)
    page.text_area(key=f"expected_{run_id}_2").set_value("bad")
    runs.ask(database, run_id, "resume")
    press(page, "compare_expected_save")
    assert f"Run {run_id} is active" in shown(page)
    assert expectations.expected_changes(database, run_id) == {}


def test_a_cell_is_run_again_by_a_button_that_names_the_call(database: Database, run_id: str) -> None:
    page = pane(database, run_id)
    assert page.button(key="compare_again").label == "Run again · 1 call"
    press(page, "compare_again")
    assert page.button(key="compare_again").disabled  # the run is in progress
    assert carried_out(database, run_id) == "finished"
    rows = list(results.result_rows(database, run_id))
    assert [(row.case_id, row.sample) for row in rows] == [("1", 0), ("1", 1), ("2", 0), ("2", 1), ("2", 2)]
    assert [pill.options for pill in pane(database, run_id).button_group if "_sample_" in str(pill.key)] == [
        ["1 bad", "2 bad", "3 bad"]
    ]


def test_a_case_is_added_by_a_button_that_names_its_calls(database: Database, run_id: str) -> None:
    page = ran(pages.page("3_Compare.py", run=run_id))
    page.session_state["compare_case_0"] = True
    ran(page)
    assert page.text_input(key="new_case_id_0").value == "3"
    page.text_area(key="new_case_input_0_0").set_value("a new one")
    page.text_area(key="new_case_expected_0").set_value("good")
    assert ran(page).button(key="compare_case_add").label == "Add and run · 2 calls"
    page.text_input(key="new_case_id_0").set_value("2")
    assert "called '2'" in shown(ran(page))
    page.text_input(key="new_case_id_0").set_value("mine")
    press(ran(page), "compare_case_add")
    assert carried_out(database, run_id) == "finished"
    rows = [row for row in results.result_rows(database, run_id) if row.case_id == "mine"]
    assert [(row.inputs, row.status, row.scores["label"].value) for row in rows] == [
        ({"text": "a new one"}, "answered", 1.0)
    ] * 2


def test_a_row_is_copied_as_a_spreadsheet_pastes_it(database: Database) -> None:
    rows = [{"text": '=1+1\t"a"', "expected": "good"}]
    plan = api.plan(JUDGE, rows, models="openai/ok", temperatures=[0, 1])
    carried_out(database, run_id := client.submit(database, plan))
    comparison = compare.comparison_rows(database, compare.facts(database, run_id), View())
    (row,) = compare.page(database, comparison, 0, 1)
    assert row_text(database, comparison, row) == '1\tgood\t"\'=1+1\t""a"""\tgood\tgood'
