"""The Compose page: what is typed is kept, what is shown is what is sent, and nobody's save is overwritten unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.connections import DEFAULT_MODEL
from promptgrid.library.folder import Library
from promptgrid.prompt import Message
from promptgrid.store import Database, drafts, plans
from promptgrid.ui.compose import attempt as last_attempt
from promptgrid.ui.compose import tabs
from tests.faults.disk import Disk
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import address, press, ran, shown, value_field

pytestmark = pytest.mark.usefixtures("library", "endpoint")


def opened(prompt: str = "") -> AppTest:
    return pages.opened("1_Compose.py", **({"prompt": prompt} if prompt else {}))


def message(page: AppTest, index: int) -> Any:
    return page.text_area(key=f"compose_text_{page.session_state['compose_turns'][index]}")


def close_tabs() -> None:
    """Closes the tabs that are open: AppTest's never end."""
    tabs._holders().clear()


def draft_id(page: AppTest) -> str:
    return str(page.session_state["compose_opened"].id)


def set_aside(page: AppTest) -> str:
    """What More calls the draft that was set aside last; it is offered there."""
    assert [label for label in page.selectbox(key="compose_version").options if label.startswith("draft · ")]
    name = page.session_state["compose_opened"].name
    infos = drafts.prompt_drafts_of(Database(), name)
    return next(f"draft {info.id}" for info in infos if info.kind == "aside")


def draft_of(prompt: str) -> dict[str, Any]:
    """What the newest draft of that prompt holds."""
    stored = drafts.prompt_draft(Database(), drafts.prompt_drafts_of(Database(), prompt)[0].id)
    assert stored is not None
    return dict(stored[1])


def tried(page: AppTest, model: str = "openai/ok") -> AppTest:
    """After Try once, when the call has ended."""
    page.selectbox(key="compose_model").set_value(model)
    ran(page)
    press(page, "compose_try")
    page.session_state["compose_attempt"].wait(60)
    return ran(page)


def test_a_first_visitor_finds_an_example_and_one_press_brings_a_reply(hostile: HostileServer) -> None:
    hostile.answer = lambda body: "It is positive."
    page = opened()
    assert address(page)["prompt"] == "sentiment"
    assert "expected positive" in shown(page)
    assert "comes with Promptgrid" in shown(page)
    tried(page)
    body = hostile.requests[-1].body
    assert body["messages"][0] == {"role": "system", "content": message(page, 0).value}
    assert "{{" not in body["messages"][1]["content"]
    assert (body["temperature"], body["max_tokens"]) == (0.0, 128)
    assert "It is positive." in [block.value for block in page.code]
    assert "**positive** :gray[ · expected positive]" in shown(page)
    assert "tokens" in shown(page)


def test_what_is_shown_for_a_technique_is_what_is_sent(hostile: HostileServer) -> None:
    page = opened()
    page.button_group(key="compose_technique").set_value("few-shot-cot")
    tried(ran(page))
    roles = [one["role"] for one in hostile.requests[-1].body["messages"]]
    assert roles == ["system", *["user", "assistant"] * 3, "user"]
    python = next(block.value for block in page.code if "from openai import" in block.value)
    assert python.count('"role": "assistant"') == 3
    assert hostile.url in python


def test_the_temperature_of_a_try_goes_before_the_prompts_own(hostile: HostileServer) -> None:
    page = opened()
    page.number_input(key="compose_try_temperature").set_value(1.3)
    tried(page)
    assert hostile.requests[-1].body["temperature"] == 1.3
    assert "zero-shot · ok · t = 1.3 · " in shown(page)


def test_a_number_out_of_range_is_neither_sent_nor_saved(library: Library, hostile: HostileServer) -> None:
    page = opened()
    page.selectbox(key="compose_model").set_value("openai/ok")
    page.number_input(key="compose_try_temperature").set_value(7)
    ran(page)
    assert "From 0 to 2." in shown(page)
    press(page, "compose_try")
    assert "Temperature 7 is out of range.  \nIt goes from 0 to 2." in shown(page)
    page.number_input(key="compose_try_temperature").set_value(None)
    assert "out of range" not in shown(ran(page))  # an error goes with its cause
    page.number_input(key="compose_top_p").set_value(1.5)
    before = library.path("sentiment").read_bytes()
    press(ran(page), "compose_save")
    assert "top_p 1.5 is out of range.  \nIt goes from 0 to 1." in shown(page)
    assert library.path("sentiment").read_bytes() == before
    assert "/v1/chat/completions" not in [request.path for request in hostile.requests]


def test_a_model_chosen_just_before_the_press_is_the_one_that_is_asked(hostile: HostileServer) -> None:
    page = tried(opened())
    model = next(one for one in page.selectbox(key="compose_model").options if one not in ("openai/ok", DEFAULT_MODEL))
    page.selectbox(key="compose_model").set_value(model)
    page.number_input(key="compose_try_temperature").set_value(0.4)
    press(page, "compose_try")  # in the same rerun: nothing was drawn between
    page.session_state["compose_attempt"].wait(60)
    assert (hostile.requests[-1].body["model"], hostile.requests[-1].body["temperature"]) == (
        model.removeprefix("openai/"),
        0.4,
    )


def test_a_reply_that_comes_while_the_page_is_drawn_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    page = tried(opened())
    answers = iter([True])  # when the page looks first; after that it has ended
    monkeypatch.setattr(last_attempt.Try, "running", property(lambda attempt: next(answers, False)))
    ran(page)
    assert page.button(key="compose_try")


def test_a_technique_that_cannot_be_used_says_why_and_shows_no_messages() -> None:
    page = opened("continuation-zh")
    assert "a plain continuation has no turns" in shown(page)
    page.button_group(key="compose_technique").set_value("few-shot")
    assert "few-shot cannot be used here" in shown(ran(page))


def test_self_consistency_says_what_it_does_and_how_its_messages_differ() -> None:
    page = opened("sentiment")
    page.button_group(key="compose_technique").set_value("self-consistency")
    assert "sends the messages of chain-of-thought several times and takes the most frequent answer" in shown(ran(page))
    assert "This prompt has temperature 0" in shown(page)
    page.button_group(key="compose_technique").set_value("chain-of-thought")
    assert "several times" not in shown(ran(page))


def test_what_was_typed_is_there_again_in_another_session_and_the_file_is_untouched(library: Library) -> None:
    before = library.path("sentiment").read_bytes()
    page = opened("sentiment")
    message(page, 0).set_value("You label films.")
    page.number_input(key="compose_temperature").set_value(1.1)
    assert "unsaved changes" in shown(ran(page))
    close_tabs()
    again = opened("sentiment")
    assert message(again, 0).value == "You label films."
    assert again.number_input(key="compose_temperature").value == 1.1
    assert "unsaved changes" in shown(again)
    assert library.path("sentiment").read_bytes() == before


def test_typing_back_what_the_file_says_leaves_no_draft() -> None:
    page = opened("sentiment")
    text = message(page, 0).value
    message(page, 0).set_value("x")
    ran(page)
    message(page, 0).set_value(text)
    assert "comes with Promptgrid" in shown(ran(page))
    assert drafts.drafted_prompts(Database()) == []


def test_save_writes_the_file_keeps_both_versions_and_drops_the_draft(library: Library) -> None:
    page = opened("sentiment")
    before = library.load("sentiment")[0].version
    message(page, 0).set_value("You label films.")
    press(ran(page), "compose_save")
    prompt, _ = library.load("sentiment")
    assert prompt.messages[0] == Message("system", "You label films.")
    assert prompt.examples
    assert {version for version, _ in plans.versions(Database(), "sentiment")} == {before, prompt.version}
    assert drafts.drafted_prompts(Database()) == []
    assert f"saved just now · {prompt.version[:6]}" in shown(page)


def test_a_run_of_unsaved_changes_is_asked_about(library: Library) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("You label films.")
    press(ran(page), "compose_run")
    assert "has unsaved changes." in shown(page)
    assert "films" not in library.path("sentiment").read_text("utf-8")
    press(page, "compose_save_run")
    assert library.load("sentiment")[0].messages[0].text == "You label films."


def test_discarding_brings_back_what_is_in_the_file() -> None:
    page = opened("sentiment")
    before = message(page, 0).value
    message(page, 0).set_value("x")
    press(ran(page), "compose_revert")
    assert message(page, 0).value == before
    assert drafts.drafted_prompts(Database()) == []


def test_the_second_of_two_saves_is_told_and_loses_nothing(library: Library) -> None:
    mine = opened("sentiment")
    message(mine, 0).set_value("mine")
    ran(mine)
    theirs, etag = library.load("sentiment")
    library.save(replace(theirs, messages=(Message("user", "theirs"),)), etag)
    press(mine, "compose_save")
    assert library.load("sentiment")[0].messages[0].text == "theirs"
    assert "was saved elsewhere" in shown(mine)
    assert message(mine, 0).value == "mine"
    press(mine, "compose_theirs")
    assert message(mine, 0).value == "theirs"
    assert "saved elsewhere" not in shown(mine)


def test_mine_can_be_saved_as_another_prompt_beside_theirs(library: Library) -> None:
    mine = opened("sentiment")
    message(mine, 0).set_value("mine")
    ran(mine)
    theirs, etag = library.load("sentiment")
    library.save(replace(theirs, description="theirs"), etag)
    mine.text_input(key="compose_as_name").set_value("films")
    press(mine, "FormSubmitter:compose_as_name_form-Save as")
    assert library.load("films")[0].messages[0].text == "mine"
    assert library.load("sentiment")[0].description == "theirs"
    assert address(mine)["prompt"] == "films"


def test_a_file_that_changed_where_nothing_was_typed_is_simply_shown(library: Library) -> None:
    page = opened("sentiment")
    prompt, etag = library.load("sentiment")
    library.save(replace(prompt, messages=(Message("user", "newer"),)), etag)
    assert message(ran(page), 0).value == "newer"


def test_a_new_prompt_is_a_draft_until_it_is_saved(library: Library) -> None:
    page = opened()
    page.text_input(key="compose_new_name").set_value("films")
    press(page, "FormSubmitter:compose_new_name_form-Create")
    assert address(page)["prompt"] == "films"
    assert "not saved yet" in shown(page)
    assert not library.path("films").exists()
    assert "films" in page.selectbox(key="compose_choice").options
    message(page, 1).set_value("Film: {{ film }}")
    value_field(page, "text").set_value("ignored")
    ran(page)
    value_field(page, "film").set_value("Metropolis")
    press(ran(page), "compose_save")
    prompt, _ = library.load("films")
    assert [(item.name, item.example) for item in prompt.inputs] == [("film", "Metropolis")]


@pytest.mark.parametrize(
    ("name", "reason"), [("sentiment", "already"), ("a/b", "contains '/'"), ("..", "file name on every")]
)
def test_a_new_prompt_needs_a_name_that_is_free_and_safe(name: str, reason: str) -> None:
    page = opened()
    page.text_input(key="compose_new_name").set_value(name)
    press(page, "FormSubmitter:compose_new_name_form-Create")
    assert reason in shown(page)
    assert address(page)["prompt"] == "sentiment"


def test_broken_jinja_is_named_with_its_line_and_nothing_is_sent_or_saved(
    library: Library, hostile: HostileServer
) -> None:
    page = opened("sentiment")
    page.selectbox(key="compose_model").set_value("openai/ok")
    message(page, 1).set_value("first\n{{ text")
    ran(page)
    assert "In the user message, line 2" in shown(page)
    press(page, "compose_try")
    press(page, "compose_save")
    assert hostile.calls("ok") == 0
    assert "{{ text }}" in library.load("sentiment")[0].messages[1].text
    close_tabs()
    assert message(opened("sentiment"), 1).value == "first\n{{ text"


def test_variables_without_a_value_are_all_named_and_nothing_is_sent(hostile: HostileServer) -> None:
    page = opened("sentiment")
    page.selectbox(key="compose_model").set_value("openai/ok")
    message(page, 1).set_value("{{ text }} {{ place }} {{ year }}")
    press(ran(page), "compose_try")
    assert "No value for place (user message, line 1), year (user message, line 1)" in shown(page)
    assert hostile.calls("ok") == 0


def test_a_template_without_end_is_stopped() -> None:
    page = opened("sentiment")
    message(page, 1).set_value("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}")
    assert page.run(timeout=20).error
    assert not page.exception


def test_a_turn_is_added_in_the_other_role_and_a_removed_one_comes_back() -> None:
    page = opened("sentiment")
    press(page, "compose_add")
    turns = page.session_state["compose_turns"]
    assert page.selectbox(key=f"compose_role_{turns[2]}").value == "assistant"
    before = message(page, 0).value
    press(page, f"compose_remove_{turns[0]}")
    assert [page.selectbox(key=f"compose_role_{n}").value for n in page.session_state["compose_turns"]] == [
        "user",
        "assistant",
    ]
    press(page, "compose_turns_undo")
    assert message(page, 0).value == before


def test_a_new_variable_is_a_column_of_the_examples_and_rows_are_kept() -> None:
    page = opened("sentiment")
    number = page.session_state["compose_table_number"]
    page.session_state[f"compose_table_{number}"] = {
        "edited_rows": {0: {"answer": "mixed"}},
        "added_rows": [{"text": "No.", "answer": "negative"}, {}],
        "deleted_rows": [2],
    }
    ran(page)
    message(page, 1).set_value("{{ text }} {{ place | default('here') }}")
    ran(page)
    rows = page.session_state["compose_rows"]
    assert [row["answer"] for row in rows] == ["mixed", "mixed", "negative"]
    assert list(page.dataframe[0].value.columns) == ["text", "place", "reasoning", "answer"]
    assert draft_of("sentiment")["fields"]["examples"] == rows


def test_a_removed_example_and_an_emptied_cell_come_back() -> None:
    page = opened("sentiment")
    before = page.session_state["compose_rows"]
    for edit, words in (({"deleted_rows": [1]}, "Removed 1 example."), ({"edited_rows": {0: {"text": ""}}}, "Emptied")):
        number = page.session_state["compose_table_number"]
        page.session_state[f"compose_table_{number}"] = {
            "edited_rows": {}, "added_rows": [], "deleted_rows": [], **edit
        }  # fmt: skip
        ran(page)
        assert page.session_state["compose_rows"] != before
        assert words in shown(page)
        press(page, "compose_examples_undo")
        assert page.session_state["compose_rows"] == before
        assert words not in shown(page)


def test_cases_are_stepped_through_and_their_end_is_their_beginning() -> None:
    page = opened("sentiment")
    first = value_field(page, "text").value
    press(page, "compose_back")
    assert "case 18 of 18" in shown(page)
    press(page, "compose_next_case")
    assert value_field(page, "text").value == first
    value_field(page, "text").set_value("my own")
    assert "expected" not in shown(ran(page))


def test_an_old_version_is_loaded_and_only_save_restores_it(library: Library) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("first")
    press(ran(page), "compose_save")
    old = library.load("sentiment")[0].version
    message(page, 0).set_value("second")
    press(ran(page), "compose_save")
    page.selectbox(key="compose_version").set_value(old)
    press(ran(page), "compose_load")
    assert message(page, 0).value == "first"
    assert library.load("sentiment")[0].messages[0].text == "second"
    press(page, "compose_save")
    assert library.load("sentiment")[0].version == old


def test_loading_a_version_over_unsaved_changes_is_undone_and_they_are_among_the_versions(library: Library) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("first")
    press(ran(page), "compose_save")
    message(page, 0).set_value("not saved {{")  # no version of a prompt can hold this
    ran(page)
    version = library.load("sentiment")[0].version
    page.selectbox(key="compose_version").set_value(version)
    press(page, "compose_load")
    assert message(page, 0).value == "first"
    assert f"Loaded the version {version[:6]}." in shown(page)
    assert set_aside(page)
    press(page, "compose_undo")
    assert message(page, 0).value == "not saved {{"
    assert "unsaved changes" in shown(page)
    assert draft_of("sentiment")["fields"]["messages"][0][1] == "not saved {{"
    close_tabs()
    assert message(opened("sentiment"), 0).value == "not saved {{"


def test_discarded_changes_come_back_by_undo_or_from_the_versions(library: Library) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("x")
    press(ran(page), "compose_revert")
    close_tabs()
    assert "comes with Promptgrid" in shown(opened("sentiment"))  # discarded is discarded: no tab opens it by itself
    press(page, "compose_undo")
    assert message(page, 0).value == "x"
    press(page, "compose_revert")
    page.selectbox(key="compose_version").set_value(set_aside(page))
    press(page, "compose_load")
    assert message(page, 0).value == "x"
    assert "unsaved changes" in shown(page)


def test_a_new_prompt_that_was_discarded_comes_back() -> None:
    page = opened()
    page.text_input(key="compose_new_name").set_value("films")
    press(page, "FormSubmitter:compose_new_name_form-Create")
    message(page, 1).set_value("Film: {{ film }}")
    press(ran(page), "compose_revert")
    assert address(page)["prompt"] == "sentiment"
    assert "films" not in page.selectbox(key="compose_choice").options
    assert "Discarded films." in shown(page)
    press(page, "compose_undo")
    assert address(page)["prompt"] == "films"
    assert message(page, 1).value == "Film: {{ film }}"
    assert "films" in page.selectbox(key="compose_choice").options


def test_a_second_tab_opens_a_copy_of_a_prompt_that_was_never_saved() -> None:
    first = opened()
    first.text_input(key="compose_new_name").set_value("films")
    press(first, "FormSubmitter:compose_new_name_form-Create")
    message(first, 1).set_value("Film: {{ film }}")
    ran(first)
    second = opened("films")
    assert message(second, 1).value == "Film: {{ film }}"
    message(second, 1).set_value("Second")
    assert "is edited in another tab too" in shown(ran(second))
    assert message(ran(first), 1).value == "Film: {{ film }}"


def test_two_tabs_keep_a_draft_each_and_are_told(library: Library) -> None:
    first, second = opened("sentiment"), opened("sentiment")
    message(first, 0).set_value("first")
    ran(first)
    message(second, 0).set_value("second")
    assert "is edited in another tab too" in shown(ran(second))
    assert "is edited in another tab too" in shown(ran(first))
    assert (message(first, 0).value, message(second, 0).value) == ("first", "second")
    third = opened("sentiment")
    assert "first" not in message(third, 0).value
    (info,) = [one for one in drafts.prompt_drafts_of(Database(), "sentiment") if one.id != draft_id(second)]
    press(third, f"compose_draft_{info.id}")
    assert message(third, 0).value == "first"
    message(third, 0).set_value("third")
    ran(third)
    message(first, 0).set_value("first again")
    ran(first)
    assert [len(drafts.prompt_drafts_of(Database(), "sentiment")), message(third, 0).value] == [3, "third"]


def test_the_draft_of_a_closed_tab_is_found_and_taken_up_again() -> None:
    first, second = opened("sentiment"), opened("sentiment")
    message(first, 0).set_value("first")
    ran(first)
    message(second, 0).set_value("second")
    ran(second)
    close_tabs()
    page = opened("sentiment")
    assert message(page, 0).value == "second"
    assert "Another draft of sentiment is kept" in shown(page)
    press(page, f"compose_draft_{draft_id(first)}_aside")
    assert "Another draft" not in shown(page)
    page.selectbox(key="compose_version").set_value(f"draft {draft_id(first)}")
    press(page, "compose_load")
    assert message(page, 0).value == "first"
    press(page, "compose_undo")
    assert message(page, 0).value == "second"


def test_a_draft_that_another_server_writes_too_becomes_two(library: Library) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("mine")
    ran(page)
    seen = page.session_state["compose_opened"]
    theirs = {**draft_of("sentiment"), "values": None}
    drafts.keep_prompt_draft(Database(), seen.id, "sentiment", "draft", theirs, seen.updated)
    message(page, 0).set_value("mine again")
    ran(page)
    infos = drafts.prompt_drafts_of(Database(), "sentiment")
    stored = [drafts.prompt_draft(Database(), info.id) for info in infos]
    assert {one[1]["fields"]["messages"][0][1] for one in stored if one} == {"mine", "mine again"}


def test_typed_values_stay_over_a_refresh_and_a_page_switch_and_become_examples(library: Library) -> None:
    page = opened("sentiment")
    value_field(page, "text").set_value("my own text")
    ran(page)
    page.switch_page("pages/4_Library.py")
    ran(page)
    page.switch_page("pages/1_Compose.py")
    assert value_field(ran(page), "text").value == "my own text"
    assert "comes with Promptgrid" in shown(page)  # values are no changes of the prompt
    close_tabs()
    again = opened("sentiment")
    assert value_field(again, "text").value == "my own text"
    press(again, "compose_save")
    assert library.load("sentiment")[0].given_examples == {"text": "my own text"}
    assert value_field(again, "text").value == "my own text"
    press(again, "compose_next_case")
    assert value_field(again, "text").value != "my own text"
    press(again, "compose_values_undo")
    assert value_field(again, "text").value == "my own text"


def test_the_number_of_the_case_stays_and_its_values_are_no_examples(library: Library) -> None:
    before = library.load("sentiment")[0].given_examples
    page = opened("sentiment")
    press(page, "compose_next_case")
    third = value_field(press(page, "compose_next_case"), "text").value
    close_tabs()
    again = opened("sentiment")
    assert "case 3 of 18" in shown(again)
    assert value_field(again, "text").value == third
    press(again, "compose_save")
    assert library.load("sentiment")[0].given_examples == before


def test_a_value_comes_back_with_its_variable() -> None:
    page = opened("sentiment")
    value_field(page, "text").set_value("my own text")
    text = message(ran(page), 1).value
    message(page, 1).set_value(text.replace("{{ text }}", "{{ tex }}"))
    value_field(ran(page), "tex").set_value("other")
    message(page, 1).set_value(text)
    assert value_field(ran(page), "text").value == "my own text"


def test_the_preview_after_a_switch_of_prompts_has_the_values_of_the_fields() -> None:
    page = opened("sentiment")
    page.selectbox(key="compose_choice").set_value("summarize")
    ran(page)
    assert value_field(page, "text").value
    assert "No value for" not in shown(page)


def test_names_that_are_not_ascii_have_fields_of_their_own() -> None:
    page = opened("sentiment")
    message(page, 1).set_value("{{ 客户 }} {{ 套餐 }} {{ 工单 }}")
    ran(page)
    for name in ("客户", "套餐", "工单"):
        value_field(page, name).set_value(f"value of {name}")
    ran(page)
    keys = {str(value_field(page, name).key) for name in ("客户", "套餐", "工单")}
    assert len(keys) == 3
    assert all(key.isascii() and key.replace("_", "").isalnum() for key in keys)


def test_a_switch_of_prompts_on_a_full_disk_loses_no_text(disk: Disk) -> None:
    page = opened("sentiment")
    disk.full = True
    message(page, 0).set_value("You label films.")
    page.selectbox(key="compose_choice").set_value("summarize")  # in the same rerun
    ran(page)
    assert address(page)["prompt"] == "summarize"
    assert "on this screen only" in shown(page)
    page.switch_page("pages/4_Library.py")
    ran(page)
    page.switch_page("pages/1_Compose.py")
    page.query_params["prompt"] = "sentiment"
    assert message(ran(page), 0).value == "You label films."
    disk.full = False
    ran(page)
    assert draft_of("sentiment")["fields"]["messages"][0][1] == "You label films."


def test_a_broken_file_is_listed_and_says_why(library: Library) -> None:
    library.path("broken").write_text("---\nname: [\n---\nuser:\nHi\n", "utf-8")
    page = opened("broken")
    assert "broken" in page.selectbox(key="compose_choice").options
    assert page.error
    assert "sentiment" in page.selectbox(key="compose_choice").options


def test_a_name_that_is_not_there_says_what_is() -> None:
    assert "Did you mean sentiment?" in shown(opened("sentimant"))


def test_an_empty_library_offers_to_write_the_first_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(tmp_path / "nothing"))
    page = opened()
    press(page, "compose_first")
    assert address(page)["prompt"] == "untitled"
    assert "No value for text" in shown(page)
    assert "not saved yet" in shown(page)


def test_an_endpoints_error_is_shown_as_text(hostile: HostileServer) -> None:
    page = tried(opened(), "openai/hostile-error")
    assert "Model overloaded ![pixel]" in shown(page).replace("&#91;", "[").replace("&#93;", "]")
    assert page.button(key="compose_try").label == "Try once"


def test_without_the_weights_the_button_waits_and_says_so() -> None:
    page = opened()
    button = page.button(key="compose_try")
    assert (button.disabled, button.label) == (True, "Waiting for the model")


def test_a_stopped_try_keeps_what_had_come(hostile: HostileServer) -> None:
    page = opened()
    page.selectbox(key="compose_model").set_value("openai/hang")
    ran(page)
    press(page, "compose_try")
    press(page, "compose_stop_try")
    page.session_state["compose_attempt"].wait(60)
    assert "stopped" in shown(ran(page))
    assert page.button(key="compose_try")


def test_a_full_disk_while_typing_is_said_and_the_text_stays_until_it_can_be_kept(library: Library, disk: Disk) -> None:
    page = opened("sentiment")
    disk.full = True
    message(page, 0).set_value("You label films.")
    assert "on this screen only: The database" in shown(ran(page))
    assert "free some space" in shown(page)
    press(page, "compose_save")
    assert "No space left on device" in shown(page)
    assert message(page, 0).value == "You label films."
    press(page, "compose_revert")
    assert message(page, 0).value == "You label films."
    disk.full = False
    assert "unsaved changes" in shown(ran(page))
    assert draft_of("sentiment")["fields"]["messages"][0][1] == "You label films."
    press(page, "compose_save")
    assert library.load("sentiment")[0].messages[0].text == "You label films."


def test_a_save_whose_version_finds_no_room_is_no_change_from_elsewhere(library: Library, disk: Disk) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("You label films.")
    ran(page)
    disk.room = 0
    message(page, 0).set_value("long " * 10_000)
    press(ran(page), "compose_save")
    assert disk.refused
    assert "disk is full" in shown(page)
    assert "saved elsewhere" not in shown(page)
    assert library.load("sentiment")[0].messages[0].text == "long " * 10_000
    disk.room = None
    assert "saved just now" in shown(ran(page))
    assert drafts.drafted_prompts(Database()) == []


def test_a_prompt_that_cannot_be_begun_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(tmp_path / "empty"))
    page = opened()
    disk.full = True
    press(page, "compose_first")
    assert "free some space" in shown(page)
    disk.full = False
    assert page.button(key="compose_first")
    press(page, "compose_first")
    assert page.button(key="compose_save")
