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
from promptgrid.ui.compose import try_once
from tests.faults.disk import Disk
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import address, press, ran, shown

pytestmark = pytest.mark.usefixtures("library", "endpoint")


def opened(prompt: str = "") -> AppTest:
    return pages.opened("1_Compose.py", **({"prompt": prompt} if prompt else {}))


def message(page: AppTest, index: int) -> Any:
    return page.text_area(key=f"compose_text_{page.session_state['compose_turns'][index]}")


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
    assert "saved" in shown(page)
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
    monkeypatch.setattr(try_once.Try, "running", property(lambda attempt: next(answers, False)))
    ran(page)
    assert page.button(key="compose_try")


def test_a_technique_that_cannot_be_used_says_why_and_shows_no_messages() -> None:
    page = opened("continuation-zh")
    assert "a plain continuation has no turns" in shown(page)
    page.button_group(key="compose_technique").set_value("few-shot")
    assert "few-shot cannot be used here" in shown(ran(page))


def test_what_was_typed_is_there_again_in_another_session_and_the_file_is_untouched(library: Library) -> None:
    before = library.path("sentiment").read_bytes()
    page = opened("sentiment")
    message(page, 0).set_value("You label films.")
    page.number_input(key="compose_temperature").set_value(1.1)
    assert "unsaved changes" in shown(ran(page))
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
    assert "saved" in shown(ran(page))
    assert drafts.draft(Database(), "prompt:sentiment") is None


def test_save_writes_the_file_keeps_the_version_and_drops_the_draft(library: Library) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("You label films.")
    press(ran(page), "compose_save")
    prompt, _ = library.load("sentiment")
    assert prompt.messages[0] == Message("system", "You label films.")
    assert prompt.examples
    assert [version for version, _ in plans.versions(Database(), "sentiment")] == [prompt.version]
    assert drafts.draft(Database(), "prompt:sentiment") is None
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
    assert drafts.draft(Database(), "prompt:sentiment") is None


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
    page.text_area(key="compose_value_text").set_value("ignored")
    ran(page)
    page.text_area(key="compose_value_film").set_value("Metropolis")
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
    assert message(opened("sentiment"), 1).value == "first\n{{ text"


def test_variables_without_a_value_are_all_named_and_nothing_is_sent(hostile: HostileServer) -> None:
    page = opened("sentiment")
    page.selectbox(key="compose_model").set_value("openai/ok")
    message(page, 1).set_value("{{ text }} {{ place }} {{ year }}")
    press(ran(page), "compose_try")
    assert "No value for place (line 6), year (line 6)" in shown(page)
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
    press(page, "compose_undo")
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
    draft = drafts.draft(Database(), "prompt:sentiment")
    assert draft is not None
    assert draft["fields"]["examples"] == rows


def test_cases_are_stepped_through_and_their_end_is_their_beginning() -> None:
    page = opened("sentiment")
    first = page.text_area(key="compose_value_text").value
    press(page, "compose_back")
    assert "case 18 of 18" in shown(page)
    press(page, "compose_next_case")
    assert page.text_area(key="compose_value_text").value == first
    page.text_area(key="compose_value_text").set_value("my own")
    assert "expected" not in shown(ran(page))


def test_an_old_version_is_loaded_and_only_save_restores_it(library: Library) -> None:
    page = opened("sentiment")
    message(page, 0).set_value("first")
    press(ran(page), "compose_save")
    message(page, 0).set_value("second")
    press(ran(page), "compose_save")
    old = plans.versions(Database(), "sentiment")[-1][0]
    page.selectbox(key="compose_version").set_value(old)
    press(ran(page), "compose_load")
    assert message(page, 0).value == "first"
    assert library.load("sentiment")[0].messages[0].text == "second"
    press(page, "compose_save")
    assert library.load("sentiment")[0].version == old


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
    assert message(opened("sentiment"), 0).value == "You label films."
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
    assert drafts.draft(Database(), "prompt:sentiment") is None


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
