"""The Run page: from the form to a run, and the run as it is shown. Nothing is fetched; the model is on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from promptgrid.runner import client
from promptgrid.store import Database, drafts, runs
from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("no_runner")
HOME_PAGE = Path(__file__).resolve().parents[1] / "workbench.py"


@pytest.fixture
def run_page(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AppTest]:
    """The page before its first run. Runs stay queued until the test carries them out."""
    monkeypatch.setenv("PROMPTGRID_BUILTIN_MODEL", str(tmp_path / "none.gguf"))
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    st.cache_resource.clear()
    drafts.keep_draft(Database(), "run", {"run_models": ["openai/ok"], "run_max_tokens": 8})
    yield opened()
    st.cache_resource.clear()


def opened() -> AppTest:
    return AppTest.from_file(str(HOME_PAGE), default_timeout=30).switch_page("pages/2_Run.py")


def shown(page: AppTest) -> str:
    """All texts of the page, without the escapes."""
    kinds = (page.markdown, page.caption, page.error, page.warning, page.subheader, page.text)
    return "\n".join(str(element.value).replace("\\", "") for kind in kinds for element in kind)


def carry_out(run_id: str) -> None:
    database = Database()
    with client.carried_out_here(database, run_id) as watch:
        list(client.follow(database, run_id, watch))
    database.close()


def start(page: AppTest) -> str:
    page.button(key="start").click().run()
    assert not page.exception
    return "".join(page.query_params["run"])


def test_a_first_visit_is_filled_in_and_one_press_of_start_makes_a_run(run_page: AppTest) -> None:
    page = run_page
    page.run()
    assert page.multiselect(key="run_prompts").value == ["sentiment"]
    assert page.multiselect(key="run_temperatures").value == ["0", "0.7"]
    assert "**72** calls" in shown(page)
    run_id = start(page)
    assert "waiting to start" in shown(page)
    plan = runs.plan_of(Database(), run_id)
    assert (plan.temperatures, plan.techniques, plan.models) == ((0.0, 0.7), ("zero-shot", "few-shot"), ("openai/ok",))


def test_a_run_that_ended_shows_its_summary_and_a_repeat_sends_nothing(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    carry_out(run_id)
    page.run()
    assert "· done ·" in shown(page)
    assert list(page.dataframe[-1].value["answered"]) == [18, 18, 18, 18]
    assert "**0** calls" in shown(page)
    assert "**72** already answered" in shown(page)


def test_the_second_click_of_a_double_click_starts_nothing(run_page: AppTest) -> None:
    page = run_page
    page.run()
    start(page)
    page.button(key="start").click().run()
    assert len(runs.list_runs(Database())) == 1


def test_a_run_opened_by_its_address_is_what_the_page_is_about(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    again = opened()
    again.query_params["run"] = run_id
    again.run()
    assert not again.exception
    assert [b.key for b in again.button if b.key == "start"] == []
    again.button(key="run_cancel").click().run()
    assert "cancelled" in shown(again)
    assert runs.find_run(Database(), run_id).status == "cancelled"


def test_change_and_run_again_brings_back_prompts_settings_and_cases(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.multiselect(key="run_temperatures").set_value(["1.3"]).run()
    run_id = start(page)
    again = opened()
    again.query_params["run"] = run_id
    again.run().button(key="run_again").click().run()
    assert not again.exception
    assert again.multiselect(key="run_temperatures").value == ["1.3"]
    assert again.segmented_control(key="cases_source").value == "upload"
    assert "18 cases" in shown(again)


def test_the_form_is_there_again_in_another_session(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.number_input(key="run_samples").set_value(3).run()
    again = opened().run()
    assert again.number_input(key="run_samples").value == 3
    assert "**216** calls" in shown(again)


def test_the_address_chooses_prompts_and_their_own_cases(run_page: AppTest) -> None:
    page = run_page
    page.query_params["prompts"] = "arithmetic,coin-flips"
    page.run()
    assert page.multiselect(key="run_prompts").value == ["arithmetic", "coin-flips"]
    assert "prompts" not in page.query_params


def test_missing_columns_are_named_before_anything_is_counted(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.segmented_control(key="cases_source").set_value("paste").run()
    page.text_area(key="cases_text").set_value("review,expected\nGood.,positive").run()
    assert "sentiment needs text; the table has review, expected." in shown(page)
    assert [b.key for b in page.button if b.key == "start"] == []


def test_a_pasted_table_that_cannot_be_read_names_its_row(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.segmented_control(key="cases_source").set_value("paste").run()
    page.text_area(key="cases_text").set_value('text,expected\n"Good.').run()
    assert "row 2" in shown(page)


def test_an_uploaded_table_outlives_the_session(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.segmented_control(key="cases_source").set_value("upload").run()
    page.file_uploader(key="cases_uploader").upload("mine.csv", b"text,expected\nFine.,positive\n", "text/csv").run()
    assert "1 case · mine.csv" in shown(page)
    assert "1 case · mine.csv" in shown(opened().run())


def test_typed_rows_become_cases(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.segmented_control(key="cases_source").set_value("type").run()
    page.session_state["cases_editor"] = {
        "edited_rows": {0: {"text": "Great.", "expected": "positive"}},
        "added_rows": [],
        "deleted_rows": [],
    }
    page.run()
    assert not page.exception
    assert "**4** calls" in shown(page)


def test_a_technique_that_a_prompt_cannot_serve_is_explained(run_page: AppTest) -> None:
    page = run_page
    page.query_params["prompts"] = "continuation-zh"
    page.run()
    assert "few-shot is left out for continuation-zh" in shown(page)


def test_without_the_built_in_model_start_waits_and_says_why(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.multiselect(key="run_models").set_value(["builtin/smollm2-135m-instruct"]).run()
    assert page.button(key="start").disabled
    assert shown(page).count("there is no such file") == 1


def test_an_endpoint_that_is_not_configured_is_said_at_its_field(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.multiselect(key="run_models").set_value(["opnai/gpt-4o"]).run()
    assert "Did you mean openai?" in shown(page)
    assert not page.exception


def test_failures_are_counted_by_kind_with_their_remedy(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.multiselect(key="run_models").set_value(["openai/html"]).run()
    run_id = start(page)
    carry_out(run_id)
    page.run()
    assert "72 unusable reply" in shown(page)
    assert "check the base URL" in shown(page)


def test_a_deleted_run_comes_back_by_undo(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    page.menu_button(key=f"run_menu_{run_id}").set_value("Delete").run()
    assert runs.list_runs(Database()) == []
    page.button(key="run_undo").click().run()
    assert [run.id for run in runs.list_runs(Database())] == [run_id]


def test_names_and_notes_are_shown_as_text(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    runs.change(Database(), run_id, name="![x](http://127.0.0.1:9/x.png)", note="**bold**")
    page.run()
    labels = "".join(str(element.value) for element in (*page.markdown, *page.caption))
    assert "![x](" not in labels
    assert "**bold**" not in labels


def test_a_huge_plan_is_counted_on_request_only(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.number_input(key="run_samples").set_value(1000).run()
    rows = "\n".join(f"Review {number}.,positive" for number in range(60))
    page.segmented_control(key="cases_source").set_value("paste").run()
    page.text_area(key="cases_text").set_value(f"text,expected\n{rows}").run()
    assert "**240,000 cells**: counting their tokens takes minutes." in shown(page)
    assert "start" not in [button.key for button in page.button]
