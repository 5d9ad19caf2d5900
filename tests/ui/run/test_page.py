"""The Run page: from the form to a run, and the run as it is shown. Nothing is fetched; the model is on loopback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.grid.plan import MAX_CONCURRENCY, MAX_SAMPLES
from promptgrid.library import versions
from promptgrid.library.folder import Library
from promptgrid.prompt import Message
from promptgrid.store import Database, commits, drafts, runs
from promptgrid.ui.run import cases
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.ui import pages
from tests.ui.pages import shown


@pytest.fixture
def run_page(endpoint: HostileServer) -> AppTest:
    """The page before its first run. Runs stay queued until the test carries them out."""
    drafts.keep_draft(Database(), "run", {"run_models": ["openai/ok"], "run_max_tokens": 8})
    return pages.page("2_Run.py")


def upload(page: AppTest, name: str, data: bytes) -> AppTest:
    page.run()
    page.segmented_control(key="cases_source").set_value("upload").run()
    page.file_uploader(key="cases_uploader").upload(name, data, "text/csv").run()
    assert not page.exception
    return page


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
    assert (plan.axes["temperature"], plan.techniques, plan.models) == (
        (0.0, 0.7),
        ("zero-shot", "few-shot"),
        ("openai/ok",),
    )


def test_a_draft_with_a_check_in_python_does_not_start_until_it_is_switched_on(
    endpoint: HostileServer, home: Path
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "own.py").write_text("def score(output): return True", "utf-8")
    draft = {"run_models": ["openai/ok"], "run_checks": [f"own=python:file={home / 'own.py'}"]}
    drafts.keep_draft(Database(), "run", draft)
    page = pages.page("2_Run.py").run()
    assert "The check 'own' runs Python, which is off in the dashboard." in shown(page)
    assert "start" not in [button.key for button in page.button]
    (home / "config" / "settings.toml").write_text("python_checks = true", "utf-8")
    plan = runs.plan_of(Database(), start(page.run()))
    assert [check.kind for check in plan.all_checks] == ["python"]


def test_a_prompt_with_tools_offers_the_checks_of_calls_and_is_checked_by_them(run_page: AppTest) -> None:
    page = run_page.run()
    assert "tool-args" not in page.multiselect(key="checks_shown").options
    page.multiselect(key="run_prompts").set_value(["weather-zh"]).run()
    checks = page.multiselect(key="checks_shown")
    assert checks.value == ["tool-sequence:order=any", "tool-schema"]
    assert {"tool-called", "tool-not-called", "tool-args", "tool-sequence"} <= set(checks.options)


def test_a_run_that_ended_shows_its_summary_and_a_repeat_sends_nothing(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    carried_out(Database(), run_id)
    page.run()
    assert "· done ·" in shown(page)
    assert list(page.dataframe[-1].value["answered"]) == ["18 of 18"] * 4
    assert "**0** calls" in shown(page)
    assert "**72** already answered" in shown(page)


def test_efforts_are_chips_that_the_plan_takes_and_the_draft_keeps(run_page: AppTest) -> None:
    page = run_page
    page.run()
    chips = page.button_group(key="run_efforts")
    assert (chips.label, chips.value) == ("Reasoning effort", [])
    chips.set_value(["low", "high"]).run()
    run_id = start(page)
    assert dict(runs.plan_of(Database(), run_id).axes) == {"temperature": (0.0, 0.7), "effort": ("low", "high")}
    again = pages.page("2_Run.py")
    again.run()
    assert again.button_group(key="run_efforts").value == ["low", "high"]


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
    again = pages.page("2_Run.py")
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
    again = pages.page("2_Run.py")
    again.query_params["run"] = run_id
    again.run().button(key="run_again").click().run()
    assert not again.exception
    assert again.multiselect(key="run_temperatures").value == ["1.3"]
    assert again.segmented_control(key="cases_source").value == "upload"
    assert "18 cases" in shown(again)
    again.button(key="run_form_undo").click().run()
    assert again.segmented_control(key="cases_source").value == "own"
    assert not again.exception


def test_the_form_is_there_again_in_another_session(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.number_input(key="run_samples").set_value(3).run()
    again = pages.page("2_Run.py").run()
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
    page.text_area(key="cases_text").set_value("Texts,expected\nGood.,positive").run()
    assert "sentiment needs text. The columns are: Texts, expected. Did you mean Texts by text?" in shown(page)
    assert [b.key for b in page.button if b.key == "start"] == []


def test_a_pasted_table_is_shown_in_the_order_of_its_columns(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.segmented_control(key="cases_source").set_value("paste").run()
    page.text_area(key="cases_text").set_value("text,note,expected\nGood.,a,positive").run()
    assert list(page.dataframe[0].value.columns) == ["text", "note", "expected"]


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
    assert "1 case · mine.csv" in shown(pages.page("2_Run.py").run())
    upload(page, "other.csv", b"text,expected\nFine.,positive\nBad.,negative\n")
    assert "2 cases · other.csv" in shown(page)
    page.button(key="run_cases_undo").click().run()
    assert "1 case · mine.csv" in shown(page)


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
    page.multiselect(key="run_prompts").set_value(["arithmetic"]).run()
    page.multiselect(key="run_prompts").set_value(["sentiment"]).run()
    assert page.session_state["run_form"]["cases_rows"][0]["text"] == "Great."
    page.session_state["cases_editor"] = {"edited_rows": {}, "added_rows": [], "deleted_rows": [0]}
    page.run()
    assert "Removed 1 case." in shown(page)
    page.button(key="run_cases_undo").click().run()
    assert "**4** calls" in shown(page)
    assert not page.exception


def test_a_prompt_without_cases_runs_with_the_values_typed_for_it_or_says_what_is_missing(
    run_page: AppTest, library: Library
) -> None:
    library.path("mine").write_text("---\nname: mine\n---\nuser:\n{{ word }}\n", "utf-8")
    page = run_page
    page.query_params["prompts"] = "mine"
    page.run()
    assert "mine has no cases, and no value for word." in shown(page)
    value = {"values": {"case": 0, "texts": {"word": "typed", "other": "x"}}}
    drafts.keep_prompt_draft(Database(), "a", "mine", "values", value, None)
    page.run()
    assert page.dataframe[0].value.to_dict("records") == [{"word": "typed"}]
    assert "**2** calls" in shown(page)


def test_self_consistency_asks_for_samples_and_one_press_takes_them(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.pills(key="run_techniques").set_value(["self-consistency"]).run()
    assert shown(page).count("without 3 or more it is chain-of-thought") == 1
    page.button(key="run_votes").click().run()
    assert page.number_input(key="run_samples").value == 5
    assert "it is chain-of-thought" not in shown(page)
    assert not page.exception


def test_a_technique_gets_its_options_and_the_preflight_says_how_many_calls_it_takes_at_most(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.selectbox(key="run_technique_adjusted").set_value("self-refine").run()
    page.number_input(key="run_technique_self-refine_rounds").set_value(1).run()
    page.button(key="run_technique_add").click().run()
    assert page.button_group(key="run_techniques").value == ["zero-shot", "few-shot", "self-refine:rounds=1"]
    cases = 36
    assert f"up to **{(2 + 3) * cases}** calls" in shown(page)
    page.run()
    assert page.button_group(key="run_techniques").value == ["zero-shot", "few-shot", "self-refine:rounds=1"]
    assert page.button(key="start").label == f"Start · up to {(2 + 3) * cases} calls"


def test_a_technique_that_a_prompt_cannot_serve_is_explained(run_page: AppTest) -> None:
    page = run_page
    page.query_params["prompts"] = "continuation-zh"
    page.run()
    assert "few-shot does not work with continuation-zh" in shown(page)


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
    assert shown(page).count("Did you mean openai?") == 1  # not again in the place of the preflight
    assert page.button(key="start").disabled


def test_failures_are_counted_by_kind_with_their_remedy(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.multiselect(key="run_models").set_value(["openai/html"]).run()
    run_id = start(page)
    carried_out(Database(), run_id)
    page.run()
    assert "72 unusable reply" in shown(page)
    assert "It was not what the protocol promises, three times; Compare shows what came." in shown(page)


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


@pytest.mark.parametrize(
    ("name", "value", "range_"),
    [
        ("samples", MAX_SAMPLES + 1, "1 to 1,000"),
        ("max_tokens", 0, "1 to 10,000,000"),
        ("top_p", 1.5, "0 to 1"),
        ("concurrency", MAX_CONCURRENCY + 1, "1 to 1,024"),
        ("retries", -1, "0 to 100"),
        ("examples_k", -1, "0 to 10,000,000"),
    ],
)
def test_a_number_out_of_range_stays_in_its_field_and_nothing_starts_until_it_is_corrected(
    run_page: AppTest, name: str, value: float, range_: str
) -> None:
    page = run_page
    page.run()
    field = page.number_input(key=f"run_{name}")
    before = field.value
    field.set_value(value).run()
    assert page.number_input(key=f"run_{name}").value == value
    assert f"{value:,} is out of range" in shown(page)
    assert f"from {range_}" in shown(page)
    assert "start" not in [button.key for button in page.button]
    page.number_input(key=f"run_{name}").set_value(before).run()
    assert "out of range" not in shown(page)
    assert not page.button(key="start").disabled


def test_more_samples_than_a_plan_may_have_are_not_added_to_a_run(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    carried_out(Database(), run_id)
    page.run()
    samples = page.number_input(key=f"extend_samples_{run_id}")
    samples.set_value(MAX_SAMPLES + 1).run()
    assert f"Samples {MAX_SAMPLES + 1:,} is out of range.  \nIt goes from 1 to 1,000." in shown(page)
    assert page.button(key="run_extend_go").disabled
    samples.set_value(0).run()
    assert "The run has 1 sample of each cell, and 0 is fewer." in shown(page)
    assert page.button(key="run_extend_go").disabled


def test_a_huge_plan_is_counted_on_request_only(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.number_input(key="run_samples").set_value(1000).run()
    rows = "\n".join(f"Review {number}.,positive" for number in range(60))
    page.segmented_control(key="cases_source").set_value("paste").run()
    page.text_area(key="cases_text").set_value(f"text,expected\n{rows}").run()
    assert "**240,000 cells**: counting their tokens takes minutes." in shown(page)
    assert "start" not in [button.key for button in page.button]


def test_what_is_answered_is_asked_again_at_a_switch_beside_its_number(run_page: AppTest) -> None:
    page = run_page
    page.run()
    assert [toggle.key for toggle in page.toggle] == []
    carried_out(Database(), start(page))
    page.run()
    assert "**0** calls" in shown(page)
    page.toggle(key="run_fresh").set_value(True).run()
    assert "**72** calls" in shown(page)
    assert "already answered" not in shown(page)
    page.session_state["run_started_at"] = 0.0
    assert runs.plan_of(Database(), start(page)).fresh
    page.toggle(key="run_fresh").set_value(False).run()
    assert "**72** already answered" in shown(page)


def test_the_number_of_retries_is_the_users(run_page: AppTest) -> None:
    page = run_page
    page.run()
    assert page.number_input(key="run_retries").value == 5
    page.number_input(key="run_retries").set_value(0).run()
    assert runs.plan_of(Database(), start(page)).retries == 0


def test_a_budget_that_is_too_small_is_said_before_the_start(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.text_input(key="run_budget").set_value("10calls").run()
    assert "over the budget of 10 calls" in shown(page)
    assert not page.button(key="start").disabled
    page.text_input(key="run_budget").set_value("500calls").run()
    assert "the budget of" not in shown(page)


def test_a_run_at_rest_is_extended_and_only_the_new_cells_are_sent(run_page: AppTest, hostile: HostileServer) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    carried_out(Database(), run_id)
    sent = hostile.calls("ok")
    page.run()
    assert page.button(key="run_extend_go").disabled
    page.number_input(key=f"extend_samples_{run_id}").set_value(2).run()
    page.multiselect(key=f"extend_temperatures_{run_id}").set_value(["1.3"]).run()
    assert "144 new cells: **144** calls" in shown(page)
    page.button(key="run_extend_go").click().run()
    assert not page.exception
    info = runs.find_run(Database(), run_id)
    assert (info.status, info.total) == ("queued", 216)
    assert "run_extend_go" not in [button.key for button in page.button]
    carried_out(Database(), run_id)
    assert hostile.calls("ok") == sent + 144
    assert runs.plan_of(Database(), run_id).axes["temperature"] == (0.0, 0.7, 1.3)


def test_temperatures_that_are_none_are_said_where_they_are_typed(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    carried_out(Database(), run_id)
    page.run()
    page.multiselect(key=f"extend_temperatures_{run_id}").set_value(["hot"]).run()
    assert "hot: a temperature is a number from 0 to 2." in shown(page)
    assert page.button(key="run_extend_go").disabled


def test_the_end_of_a_run_is_told_once_by_whatever_page_is_open(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    assert not page.toast
    carried_out(Database(), run_id)
    page.switch_page("pages/4_Library.py").run()
    assert [str(toast.value).replace("\\", "") for toast in page.toast] == [
        "sentiment × 2 techniques × 2 temperatures is done: 72 of 72 answered"
    ]
    page.run()
    assert not page.toast


def test_a_run_that_was_cancelled_needs_no_word(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    runs.ask(Database(), run_id, "cancel")
    page.run()
    assert not page.toast


def test_the_sidebar_follows_the_run(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    assert any(label.startswith(":blue[●] 0 \\% sentiment") for label in links(page))
    carried_out(Database(), run_id)
    page.run()
    assert not any("sentiment" in label for label in links(page)[:8])


def links(page: AppTest) -> list[str]:
    return [element.proto.label for element in page.sidebar.get("page_link")]


def test_a_disk_that_is_nearly_full_is_said(run_page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page = run_page
    page.run()
    assert "nearly full" not in shown(page)
    monkeypatch.setattr("promptgrid.paths.LOW_DISK_BYTES", 10**18)
    page.run()
    assert "The disk is nearly full" in shown(page)
    assert any("disk nearly full" in link for link in links(page))


def test_an_endpoint_that_is_held_back_is_named_while_the_run_goes_on(run_page: AppTest) -> None:
    page = run_page
    page.run()
    run_id = start(page)
    database = Database()
    epoch = commits.claim(database, run_id)
    paces = {"openai": {"window": 4, "most": 32, "waits_s": 12.0}}
    commits.beat(database, run_id, epoch, {"per_second": 4.0, "in_flight": 3, "endpoints": paces})
    page.run()
    (bar,) = page.get("progress")
    text = bar.proto.text.replace("\\", "").replace("\u2060", "")
    assert text == "0 % · 0 of 72 cells · 4.0/s · 0:18 left · 3 in flight · openai: 4 at a time of 32, waits 12 s"
    page.button(key="run_pause").click().run()
    (bar,) = page.get("progress")
    assert (
        bar.proto.text.replace("\\", "").replace("\u2060", "")
        == "pausing: 3 calls in flight are coming in · 0 % · 0 of 72 cells"
    )
    assert "run_cancel" in [button.key for button in page.button]


def test_an_encoding_that_is_not_certain_is_asked_for_with_its_texts(run_page: AppTest) -> None:
    page = upload(run_page, "x.csv", "text,expected\nХорошая лампа,positive\n".encode("cp1251"))
    assert "row 2 holds the byte" in page.warning[0].value
    choice = page.selectbox(key="encoding_choice")
    assert "Хорошая лампа,positive · Windows-1251 (Cyrillic)" in choice.options  # a selector shows backslashes
    choice.set_value("cp1251").run()
    assert not page.warning
    assert "read as Windows-1251" in shown(page)
    again = upload(page, "y.csv", "text,expected\nŁadna,positive\n".encode("cp1250"))
    assert "row 2 holds the byte" in again.warning[0].value  # asked for each table


def test_the_column_of_the_right_answers_is_offered(run_page: AppTest) -> None:
    page = run_page.run()
    page = page.segmented_control(key="cases_source").set_value("paste").run()
    page.text_area(key="cases_text").set_value("text,label\nbright,positive\n").run()
    choice = page.selectbox(key="cases_expected")
    assert choice.options[:2] == ["No column: replies are not scored", "label"]
    choice.set_value("label").run()
    assert page.session_state["checks_shown"] == ["label"]
    page.text_area(key="cases_text").set_value("text,expected\nbright,positive\n").run()
    assert not page.exception
    assert page.session_state["checks_shown"] == ["label"]


def test_json_lines_are_uploaded_as_cases(run_page: AppTest) -> None:
    page = upload(run_page, "x.jsonl", b'{"text": "bright", "expected": "positive"}\n{"text": "dim"}\n')
    assert any("2 cases" in caption.value for caption in page.caption)


def test_values_that_are_no_text_are_named_and_shown_as_json(run_page: AppTest) -> None:
    page = upload(run_page, "x.jsonl", b'{"text": "bright", "stars": 4, "tags": ["a"], "expected": "positive"}\n')
    assert "as JSON: stars (integer), tags (array)" in shown(page)
    assert list(page.dataframe[0].value["tags"]) == ['["a"]']


def test_wide_columns_give_way_so_that_the_expected_answers_are_seen() -> None:
    widths = cases.widths({"question": ["q" * 80], "choices": ["c" * 90], "expected": ["B"]})
    assert sum(widths.values()) <= cases.TABLE_PX
    assert widths["expected"] < widths["choices"] == widths["question"]
    with_gold = cases.widths({"question": ["q" * 80], "gold": ["g" * 30], "quote": ["t" * 80], "expected": ["e" * 10]})
    assert with_gold["gold"] == with_gold["quote"] < with_gold["expected"] < with_gold["question"]


def test_a_part_of_the_cases_is_run_and_the_openings_of_prove_are_told(run_page: AppTest) -> None:
    page = run_page
    page.run()
    page.selectbox(key="cases_part").set_value("prove").run()
    assert not page.exception
    assert "**20** calls" in shown(page)
    assert "5 of 18 cases are run." in shown(page)
    assert "The part prove was never opened for sentiment." in shown(page)
    plan = runs.plan_of(Database(), start(page))
    assert {case.part for case in plan.cases} == {"prove"}
    assert len(plan.cases) == 5
    assert "The part prove was opened once for sentiment." in shown(page)


def test_the_preflight_says_what_a_comparison_can_find(run_page: AppTest) -> None:
    run_page.run()
    assert "With 18 cases, a true gain of 10 points is found in" in shown(run_page)


def test_checks_that_cases_bring_are_told_before_the_start_and_kept(run_page: AppTest) -> None:
    table = 'text,expected,checks\nGreat day,positive,"[""polite=contains:text=please""]"\nAwful,negative,\n'
    form = {"run_models": ["openai/ok"], "cases_source": "paste", "cases_text": table}
    drafts.keep_draft(Database(), "run", form)
    page = run_page.run()
    assert "1 case brings checks of its own." in shown(page)
    run_id = start(page)
    assert [[*map(str, case.checks)] for case in runs.plan_of(Database(), run_id).cases] == [
        ["polite=contains:text=please"], []
    ]  # fmt: skip
    page.text_area(key="cases_text").set_value("text,checks\nGreat day,judge:model=openai/ok\n").run()
    assert "row 2: the check 'judge' calls a model" in shown(page)


def test_copies_among_the_cases_are_told(run_page: AppTest) -> None:
    page = run_page
    form = {"run_models": ["openai/ok"], "cases_source": "paste", "cases_text": "text\nGreat day\nAwful\ngreat  day\n"}
    drafts.keep_draft(Database(), "run", form)
    page.run()
    assert "1 case is a copy of an earlier one: 3 of 1" in shown(page)


def in_single_braces(library: Library) -> AppTest:
    """The page of a prompt that has `{text}` instead of `{{ text }}`, with the cases of `sentiment`."""
    library.path("mine").write_text(
        "---\nname: mine\nmetadata: {cases: cases/sentiment.csv}\n---\nuser:\n{text}\n", "utf-8"
    )
    drafts.keep_draft(Database(), "run", {"run_models": ["openai/ok"], "run_prompts": ["mine"]})
    page = pages.page("2_Run.py").run()
    assert '"mine": {text} is sent as it stands; write {{ text }}.' in shown(page)
    return page


@pytest.mark.usefixtures("endpoint")
def test_single_braces_are_doubled_in_the_file_by_one_press_and_undone_by_another(library: Library) -> None:
    page = in_single_braces(library)
    page.button(key="run_braces_mine").click().run()
    assert library.load("mine")[0].messages[0].text == "{{ text }}"
    assert "is sent as it stands" not in shown(page)
    page.button(key="run_braces_undo").click().run()
    assert library.load("mine")[0].messages[0].text == "{text}"
    assert not page.exception


@pytest.mark.usefixtures("endpoint")
def test_a_prompt_with_unsaved_changes_is_opened_instead(library: Library) -> None:
    page = in_single_braces(library)
    drafts.keep_prompt_draft(Database(), "a", "mine", "draft", {}, None)
    assert page.run().button(key="run_braces_mine").label == "Open the prompt"


def headings(page: AppTest) -> list[str]:
    return [one.label.replace("\\", "") for one in page.expander]


def test_what_is_not_the_default_stands_beside_the_closed_heading_and_a_name_is_used_once(run_page: AppTest) -> None:
    page = run_page
    page.run()
    assert "More" in headings(page)
    page.text_input(key="run_name").set_value("first *try*")
    page.number_input(key="run_seed").set_value(0)
    page.number_input(key="run_retries").set_value(0)
    page.number_input(key="run_max_calls").set_value(600)
    page.text_input(key="run_budget").set_value("50calls").run()
    page.text_input(key="run_budget").set_value("500calls").run()
    assert "More · name first *try* · seed 0 · budget 500calls · max calls 600 · retries 0" in headings(page)
    run_id = start(page)
    assert runs.find_run(Database(), run_id).name == "first *try*"
    assert runs.plan_of(Database(), run_id).max_calls == 600
    assert "More · seed 0 · budget 500calls · max calls 600 · retries 0" in headings(page.run())
    again = pages.page("2_Run.py")
    again.query_params["run"] = run_id
    again.run().button(key="run_again").click().run()
    assert again.text_input(key="run_name").value == ""
    assert "More · seed 0 · budget 500calls · max calls 600 · retries 0" in headings(again)


def test_a_labelled_version_is_offered_beside_its_prompt_and_an_unknown_label_is_an_error(
    run_page: AppTest, library: Library
) -> None:
    old, etag = library.load("sentiment")
    versions.set_label(library, old, "production")
    library.save(replace(old, messages=(Message("user", "Mood? {{ text }}"),)), etag)
    page = run_page.run()
    assert {"sentiment@production", f"sentiment@{old.version[:6]}"} <= set(page.multiselect(key="run_prompts").options)
    page.multiselect(key="run_prompts").set_value(["sentiment@production"]).run()
    plan = runs.plan_of(Database(), start(page))
    assert [prompt.version for prompt in plan.prompts] == [old.version]
    page = pages.opened("2_Run.py", prompts="sentiment@produktion")
    assert "Did you mean sentiment@production?" in shown(page)


def test_a_link_fills_in_the_form_and_what_was_there_comes_back(run_page: AppTest) -> None:
    page = run_page.run()
    query = {"prompts": "ask-brackwater", "techniques": "zero-shot,nonsense", "temperatures": "0", "chunks": "5,2,x"}
    page = pages.opened("2_Run.py", **query, retrievers="bm25,oracle")
    form = page.session_state["run_form"]
    assert (form["run_prompts"], form["run_techniques"]) == (["ask-brackwater"], ["zero-shot"])
    assert (form["run_retrievers"], form["run_chunks"]) == (["bm25", "oracle"], ["2", "5"])
    assert form["run_temperatures"] == ["0"]
    page = pages.press(page, "run_form_undo")
    assert page.session_state["run_form"]["run_techniques"] == ["zero-shot", "few-shot"]
