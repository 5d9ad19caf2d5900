"""The Compose page reads what people bring: single braces, tables in any form, and whole answer rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.library.folder import Library
from promptgrid.prompt import AnswerRule, Input
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import press, ran, shown, value_field

pytestmark = pytest.mark.usefixtures("endpoint")

CASE = {"text": "bright", "stars": 4, "tags": ["a", "b"], "history": [{"role": "user", "content": "Hi"}]}


def opened(library: Library, body: str, *, cases: bytes = b"", table: str = "", answer: str = "") -> AppTest:
    """The page with the prompt `mine`, which has that body, table and answer rule."""
    if table:
        (library.folder / "cases" / table).write_bytes(cases)
    meta = [f"  cases: cases/{table}"] * bool(table) + [f"  answer: {answer}"] * bool(answer)
    lines = ["---", "name: mine", *(["metadata:", *meta] if meta else []), "---", "user:", body, ""]
    library.path("mine").write_text("\n".join(lines), "utf-8")
    return pages.opened("1_Compose.py", prompt="mine")


def message(page: AppTest) -> Any:
    return page.text_area(key=f"compose_text_{page.session_state['compose_turns'][-1]}")


def test_single_braces_are_doubled_by_one_press_and_undone_by_another(library: Library) -> None:
    page = opened(library, "Review: {text} as {x}", table="t.csv", cases=b"text\nbright\n")
    assert "{text} is sent as it stands; write {{ text }}." in shown(page)
    press(page, "compose_braces")
    assert message(page).value == "Review: {{ text }} as {x}"
    assert "is sent as it stands" not in shown(page)
    assert value_field(page, "text").value == "bright"
    press(page, "compose_braces_undo")
    assert message(page).value == "Review: {text} as {x}"
    assert "{text} is sent as it stands" in shown(page)


def test_what_was_typed_after_the_press_is_not_undone(library: Library) -> None:
    page = press(opened(library, "Review: {text}"), "compose_braces")
    message(page).set_value("Film: {{ text }}")
    assert not [button for button in ran(page).button if button.key == "compose_braces_undo"]


def test_the_whole_answer_rule_is_filled_in_and_saved(library: Library) -> None:
    rule = "{kind: label, labels: {A: [first], B: [second, '2, or so']}, options: choices, separator: ;}"
    page = opened(library, "{{ q }}", answer=rule)
    assert page.text_area(key="compose_synonyms").value == 'A: first\nB: second, "2, or so"'
    page.text_area(key="compose_synonyms").set_value("A: first, 甲")
    page.text_input(key="compose_separator").set_value("|")
    press(ran(page), "compose_save")
    assert library.load("mine")[0].answer == AnswerRule(
        "label", labels=("A", "B"), synonyms={"A": ("first", "甲")}, options="choices", separator="|"
    )


def test_a_rule_that_cannot_work_says_so_while_it_is_typed(library: Library) -> None:
    page = opened(library, "{{ q }}", answer="{kind: label, labels: [yes, no]}")
    page.session_state["compose_rule_watch"] = {"typed": {"key": "compose_synonyms", "base": "", "text": "yess: sure"}}
    assert "'yess' is none of the labels. Did you mean yes?" in shown(ran(page))
    page.text_area(key="compose_synonyms").set_value("yess: sure")
    titles = [str(one.label) for one in ran(page).expander]
    assert any("cannot work" in title for title in titles)
    assert not any("labels" in one.value for one in page.error)  # the messages are shown all the same


def test_expected_answers_that_the_rule_cannot_read_are_told_beside_it(library: Library) -> None:
    cases = b"q,expected\n1,yes\n2,perhaps\n"
    page = opened(library, "{{ q }}", answer="{kind: label, labels: [yes, no]}", table="t.csv", cases=cases)
    assert "1 of 2 cases are not scored (2): perhaps is none of the labels yes, no." in shown(page)


def test_a_column_of_options_that_the_cases_lack_is_told(library: Library) -> None:
    rule = "{kind: label, labels: [A, B], options: choice}"
    page = opened(library, "{{ q }}", answer=rule, table="t.csv", cases=b"q,choices\n1,x\n")
    assert "The cases have no column choice with the options. Did you mean choices?" in shown(page)


def test_the_fields_of_another_kind_are_kept_while_they_are_not_drawn(library: Library) -> None:
    page = opened(library, "{{ q }}", answer="{kind: label, labels: [yes, no]}")
    page.selectbox(key="compose_kind").set_value("number")
    ran(page)
    page.selectbox(key="compose_kind").set_value("label")
    assert ran(page).text_area(key="compose_labels").value == "yes\nno"


def test_what_was_tolerated_in_reading_the_table_is_told(library: Library) -> None:
    page = opened(library, "{{ text }}", table="t.csv", cases=b"text,expected,note\nGood.,yes\n")
    assert "t.csv: " in shown(page)
    assert "row 2" in shown(page)


def test_an_encoding_that_is_not_certain_is_asked_for(library: Library) -> None:
    cases = "text,expected\nХорошая лампа,positive\n".encode("cp1251")
    page = opened(library, "{{ text }}", table="t.csv", cases=cases)
    assert "row 2 holds the byte" in page.warning[0].value
    page.selectbox(key="encoding_choice").set_value("cp1251")
    assert not ran(page).warning
    press(page, "compose_next_case")
    assert value_field(page, "text").value == "Хорошая лампа"
    assert "read as Windows-1251" in shown(page)


def test_a_table_that_cannot_be_read_says_why(library: Library) -> None:
    assert "row 2" in shown(opened(library, "{{ text }}", table="t.csv", cases=b'text\n"Good.\n'))


def test_values_that_are_no_text_are_shown_as_json_and_sent_with_their_type(
    library: Library, hostile: HostileServer
) -> None:
    body = "{{ text }} {{ stars + 1 }} {% for t in tags %}<{{ t }}>{% endfor %}"
    page = opened(library, body, table="t.jsonl", cases=json.dumps(CASE).encode())
    assert value_field(page, "tags").value == '["a", "b"]'
    assert value_field(page, "stars").label == "stars \\(integer\\, as JSON\\)"
    value_field(page, "stars").set_value("6")
    page.selectbox(key="compose_model").set_value("openai/ok")
    press(ran(page), "compose_try")
    page.session_state["compose_attempt"].wait(60)
    (sent,) = [one.body for one in hostile.requests if one.path == "/v1/chat/completions"]  # the page counts tokens too
    assert sent["messages"][-1]["content"] == "bright 7 <a><b>"
    value_field(page, "stars").set_value("six")
    assert "stars is no text in this case, and 'six' is no JSON." in shown(ran(page))


def test_saving_declares_a_new_variable_with_the_kind_of_its_value(library: Library) -> None:
    page = opened(library, "{{ text }}", table="t.jsonl", cases=json.dumps(CASE).encode())
    message(page).set_value("{{ text }} {{ tags }}")
    press(ran(page), "compose_save")
    assert Input("tags", "array", ["a", "b"]) in library.load("mine")[0].inputs
