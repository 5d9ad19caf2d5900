"""The checks of a run on the Compare page: what they said, added, changed, removed, judged at a price that is told."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import api
from promptgrid.budget import BudgetReached
from promptgrid.compare import Facts
from promptgrid.grading import parse_check
from promptgrid.grading.spec import OPTIONS
from promptgrid.judging import rescore, session
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, runs, scores
from promptgrid.ui.compare import reading, rescoring
from promptgrid.ui.compare.check_form import LABELS
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.ui import pages
from tests.ui.pages import ran, shown

ADD = Prompt("add", (Message("user", "Add {{ a }} and 1."),), answer=AnswerRule("number"))


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: "Well.\nVerdict: 4" if "<reply " in body["messages"][-1]["content"] else "It is 2."


@pytest.fixture
def run_id(database: Database) -> str:
    new_id = client.submit(database, api.plan(ADD, [{"a": "1", "expected": "2"}, {"a": "2"}], models="openai/m"))
    assert carried_out(database, new_id) == "finished"
    return new_id


def opened(run_id: str, *, popover: bool = True) -> AppTest:
    """The page with its popover open, or not."""
    page = pages.page("3_Compare.py", run=run_id)
    page.session_state["compare_checks"] = popover
    return ran(page)


def finished(page: AppTest, run_id: str) -> AppTest:
    """The page once the pass that it began is over."""
    if work := rescoring.rescorings().by_run.get(run_id):  # else it was over so soon that the page has told
        work.future.exception(timeout=60)
    page.run()
    assert not page.exception
    return page


def said(database: Database, run_id: str) -> dict[str, float | None]:
    return {total.check: total.mean for total in scores.totals(database, run_id)}


def test_checks_that_cases_bring_are_listed_and_score_again(database: Database) -> None:
    one: dict[str, Any] = {"a": "1", "expected": "2", "checks": ["two=contains:text=2"]}
    cases = [one, {"a": "2"}, {"a": "2", "note": "again"}]
    run_id = client.submit(database, api.plan(ADD, cases, models="openai/m", show=print))
    carried_out(database, run_id)
    page = opened(run_id)
    assert "**two** of 1 case alone, from the table" in shown(page)
    assert "mean 1.00 over 1 score" in shown(page)
    assert "check_remove_two" not in [button.key for button in page.button]
    assert "1 case is the same as an earlier one (request and expected answer)" in shown(page)
    page.button(key="checks_again").click().run()
    finished(page, run_id)
    assert said(database, run_id) == {"number": 1.0, "two": 1.0}


def test_a_check_of_calls_is_added_with_its_options_and_warned_of_without_tools(
    database: Database, run_id: str
) -> None:
    page = opened(run_id)
    page.selectbox(key=f"check_{run_id}_kind").set_value("tool-sequence").run()
    assert "The check tool-sequence scores nothing: the prompt has no tools." in shown(page)
    page.selectbox(key=f"check_{run_id}_tool-sequence_order").set_value("any").run()
    page.toggle(key=f"check_{run_id}_tool-sequence_loose").set_value(True).run()
    page.button(key="checks_add").click().run()
    finished(page, run_id)
    (_, added) = runs.plan_of(database, run_id).all_checks
    assert str(added) == "tool-sequence:order=any,loose=true"
    assert said(database, run_id)["tool-sequence"] is None


def test_checks_are_added_changed_and_removed(database: Database, run_id: str) -> None:
    page = opened(run_id)
    assert "mean 1.00 over 1 score, 1 not scored" in shown(page)
    page.selectbox(key=f"check_{run_id}_kind").select("length").run()
    assert page.button(key="checks_add").disabled
    assert "Give it a length" in shown(page)
    page.number_input(key=f"check_{run_id}_length_max").set_value(2.0).run()
    page.button(key="checks_add").click().run()
    finished(page, run_id)
    assert said(database, run_id) == {"length": 0.0, "number": 1.0}
    page.button(key="check_change_length").click().run()
    page.number_input(key=f"check_{run_id}_length_max").set_value(3.0).run()
    assert page.button(key="checks_add").label == "Change and score"
    page.button(key="checks_add").click().run()
    finished(page, run_id)
    assert said(database, run_id) == {"length": 1.0, "number": 1.0}
    page.button(key="check_remove_number").click().run()
    finished(page, run_id)
    assert said(database, run_id) == {"length": 1.0}
    for text in ("Removed the check number.", "Changed the check length."):
        assert text in shown(page)
        page.button(key=f"check_{run_id}_undo").click().run()
        finished(page, run_id)
    assert said(database, run_id) == {"length": 0.0, "number": 1.0}


def test_a_judge_says_first_what_it_takes(database: Database, run_id: str, hostile: HostileServer) -> None:
    page = opened(run_id)
    page.selectbox(key=f"check_{run_id}_kind").select("judge").run()
    page.selectbox(key=f"check_{run_id}_judge_model").select("openai/ok").run()
    before = len([request for request in hostile.requests if request.path.endswith("/completions")])
    page.button(key="checks_add").click().run()
    assert "openai/ok judges: 2 calls" in shown(page).replace("*", "")
    assert page.button(key="checks_go").label == "Score · 2 calls"
    page.button(key="checks_leave").click().run()
    assert said(database, run_id) == {"number": 1.0}
    page.button(key="checks_add").click().run()
    assert len([r for r in hostile.requests if r.path.endswith("/completions")]) == before
    page.button(key="checks_go").click().run()
    finished(page, run_id)
    assert said(database, run_id) == {"judge": 0.75, "number": 1.0}


def test_what_was_stopped_with_its_server_is_told_and_gone_on_with(
    database: Database, run_id: str, hostile: HostileServer
) -> None:
    planned = rescore.plan_recheck(database, run_id, add=[parse_check("judge:model=openai/ok")])
    hostile.answer = lambda body: f"{body['messages'][-1]['content'][-20:]}\nVerdict: 4"
    with pytest.raises(BudgetReached):
        rescore.carry_out(database, planned, budget="1calls")
    judged = hostile.calls("ok")
    page = opened(run_id)
    assert "Stopped at 1 of 2 scores" in shown(page)
    assert "Scoring stopped at 1 of 2" in shown(opened(run_id, popover=False))
    page.button(key="checks_go_on").click().run()
    assert "openai/ok judges: 1 call " in shown(page).replace("*", "")
    assert page.text_input(key="checks_budget").value == "1calls"
    page.text_input(key="checks_budget").set_value("many").run()
    page.button(key="checks_go").click().run()
    assert "is not a budget" in shown(page)
    page.text_input(key="checks_budget").set_value("2calls").run()
    page.button(key="checks_go").click().run()
    finished(page, run_id)
    assert said(database, run_id) == {"judge": 0.75, "number": 1.0}
    assert hostile.calls("ok") == judged + 1
    assert "Stopped at" not in shown(opened(run_id))


def test_what_was_stopped_can_be_left_so(database: Database, run_id: str) -> None:
    planned = rescore.plan_recheck(database, run_id, add=[parse_check("judge:model=openai/ok")])
    with pytest.raises(BudgetReached):
        rescore.carry_out(database, planned, budget="0calls")
    page = opened(run_id)
    page.button(key="checks_forget").click().run()
    assert "Stopped at" not in shown(page)


def test_a_terminal_that_judges_is_seen(database: Database, run_id: str) -> None:
    with session.lock(run_id):
        assert "Another process" in shown(opened(run_id))
    assert "Another process" not in shown(opened(run_id))


def test_a_check_in_python_says_where_it_is_switched_on(database: Database, run_id: str, tmp_path: Path) -> None:
    page = opened(run_id)
    page.selectbox(key=f"check_{run_id}_kind").select("python").run()
    page.text_input(key=f"check_{run_id}_python_file").set_value(str(tmp_path / "own.py")).run()
    assert "write the line python_checks = true into" in shown(page)
    assert page.button(key="checks_add").disabled


def test_what_goes_wrong_is_told(database: Database, run_id: str, tmp_path: Path, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text("python_checks = true", "utf-8")
    page = opened(run_id)
    page.selectbox(key=f"check_{run_id}_kind").select("python").run()
    page.text_input(key=f"check_{run_id}_python_file").set_value(str(tmp_path / "none.py")).run()
    page.button(key="checks_add").click().run()
    assert "Cannot read" in shown(page)
    (tmp_path / "own.py").write_text("def score(output): raise ValueError('![x](http://127.0.0.1:9/x.png)')\n")
    page.text_input(key=f"check_{run_id}_python_file").set_value(str(tmp_path / "own.py")).run()
    page.button(key="checks_add").click().run()
    finished(page, run_id)
    assert "2 failed" in shown(page)
    assert "2 × the check failed: ValueError" in shown(page)
    assert not any("![x](" in str(caption.value) for caption in page.caption)


def test_a_run_at_work_keeps_its_checks(database: Database, run_id: str) -> None:
    runs.ask(database, run_id, "resume")
    assert "You can change its checks when it is done" in shown(opened(run_id))


def test_a_check_that_ends_while_the_page_is_drawn_stands_in_the_summary_too(
    database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(run_id)
    planned = rescore.plan_recheck(database, run_id, add=[parse_check("contains:text=It is")])
    read_facts = reading.read_facts
    begun = threading.Event()

    def then_scored(opened: Database, run: runs.RunInfo) -> Facts:
        result = read_facts(opened, run)
        if not begun.is_set():
            begun.set()
            rescoring.rescorings().start(database, planned)
            rescoring.rescorings().by_run[run_id].future.result(timeout=60)
        return result

    monkeypatch.setattr(reading, "read_facts", then_scored)
    page.run()
    assert not page.exception
    assert "mean 1.00 over 2 scores" in shown(page)
    assert any("score.contains" in table.value.columns for table in page.dataframe)
    assert run_id not in rescoring.rescorings().by_run


def test_every_option_of_every_check_has_a_field_with_a_label() -> None:
    fields = {option for options in OPTIONS.values() for option in options} - {"sha"}
    assert fields <= LABELS.keys()


def test_a_check_that_can_score_nothing_says_so_while_it_is_typed(database: Database, run_id: str) -> None:
    page = opened(run_id)
    prefix = next(box.key for box in page.selectbox if box.key and box.key.endswith("_kind")).removesuffix("_kind")
    page.selectbox(key=f"{prefix}_kind").set_value("regex")
    assert "The check regex scores nothing: there is no pattern" in shown(ran(page))
    page.text_input(key=f"{prefix}_regex_pattern").set_value("(")
    assert "The check regex scores nothing: the pattern '(' is wrong" in shown(ran(page))
    page.text_input(key=f"{prefix}_regex_pattern").set_value("2")
    assert "scores nothing" not in shown(ran(page))
