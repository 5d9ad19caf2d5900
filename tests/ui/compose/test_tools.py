"""Prompts with tools on Compose: they are edited and shown as they are sent, and a try shows its calls as a table."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.library.folder import Library
from promptgrid.prompt import Input, Message, MockResult, Prompt, Tool
from promptgrid.prompt.tools.protocol import definitions
from tests.ui import pages
from tests.ui.pages import press, ran, shown

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")
KEY = {"type": "object", "properties": {"key": {"type": "string"}}}
PROMPT = Prompt(
    "mine",
    (Message("user", "{{ q }}"),),
    inputs=(Input("q", example="sky"),),
    tools=(Tool("lookup", "Looks a word up.", KEY, (MockResult("blue"),)),),
)


def test_a_try_shows_the_calls_and_their_results_as_a_table(hostile: HostileServer, library: Library) -> None:
    library.save(PROMPT, None)
    page = pages.opened("1_Compose.py", prompt="mine")
    assert "Up to 6 calls" in shown(page)
    page.selectbox(key="compose_model").set_value("openai/tools")
    press(ran(page), "compose_try")
    page.session_state["compose_attempt"].wait(60)
    ran(page)
    assert page.button_group(key="compose_step").options == ["answer", "after call 1"]
    (calls,) = (frame.value for frame in page.dataframe if "result" in frame.value.columns)
    assert calls.to_dict("records") == [
        {"step": "answer", "tool": "lookup", "arguments": '{"key": "sky"}', "result": "blue"}
    ]
    page.session_state["compose_tools_open"] = True
    ran(page)
    assert json.dumps(definitions(PROMPT.tools), indent=2) in [block.value for block in page.code]
    press(page, "compose_save")
    assert library.load("mine")[0].tools == PROMPT.tools


def key(page: AppTest, name: str, at: int) -> str:
    return f"compose_tool_{name}_{page.session_state['compose_tools'][at]}"


def heading(page: AppTest) -> str:
    return next(one.label.replace("\\", "") for one in page.expander if one.label.startswith("Tools:"))


def test_a_tool_is_added_edited_removed_and_saved(library: Library) -> None:
    library.save(replace(PROMPT, tools=()), None)
    page = pages.opened("1_Compose.py", prompt="mine")
    assert heading(page) == "Tools: none"
    press(page, "compose_tool_add")
    page.text_input(key=key(page, "name", 0)).set_value("lookup")
    page.text_area(key=key(page, "description", 0)).set_value("Looks a word up.")
    page.button_group(key=key(page, "view", 0)).set_value("JSON Schema")
    ran(page)
    page.text_area(key=key(page, "parameters", 0)).set_value(json.dumps(KEY))
    page.selectbox(key="compose_tool_choice").set_value("required")
    page.selectbox(key="compose_parallel_tool_calls").set_value("no")
    page.number_input(key="compose_tool_rounds").set_value(2)
    ran(page)
    page.button_group(key=key(page, "view", 0)).set_value("Table")
    press(ran(page), "compose_save")
    saved = library.load("mine")[0]
    assert saved.tools == (replace(PROMPT.tools[0], results=()),)
    assert (saved.parameters.tool_choice, saved.parameters.parallel_tool_calls, saved.tool_rounds) == (
        "required",
        "no",
        2,
    )
    press(page, key(page, "remove", 0))
    assert heading(page) == "Tools: none"
    press(page, "compose_tools_changed_undo")
    assert heading(page) == "Tools: lookup"
    assert page.session_state["compose_opened"].draft is None  # as it was saved


def test_what_cannot_work_is_told_at_its_tool_and_not_saved(library: Library) -> None:
    library.save(PROMPT, None)
    page = pages.opened("1_Compose.py", prompt="mine")
    page.text_input(key=key(page, "name", 0)).set_value("two words")
    ran(page)
    assert "cannot work" in heading(page)
    assert "Tool two words: It needs a name of letters" in shown(page)
    press(page, "compose_save")
    assert library.load("mine")[0].tools == PROMPT.tools
    page.text_input(key=key(page, "name", 0)).set_value("lookup")
    page.button_group(key=key(page, "view", 0)).set_value("JSON Schema")
    ran(page)
    page.text_area(key=key(page, "parameters", 0)).set_value('{"type": ')
    ran(page)
    assert "The parameters are not JSON" in shown(page)
    press(page, "compose_save")
    assert library.load("mine")[0].tools == PROMPT.tools


def test_pasted_definitions_are_added_and_replace_those_of_their_name(library: Library) -> None:
    library.save(PROMPT, None)
    page = pages.opened("1_Compose.py", prompt="mine")
    page.text_area(key="compose_tools_pasted").set_value("[{")
    press(page, "compose_tools_paste_add")
    assert "The definitions are not JSON" in shown(page)
    pasted = (Tool("lookup", "Other words."), Tool("now", "The time."))
    page.text_area(key="compose_tools_pasted").set_value(json.dumps(definitions(pasted)))
    press(page, "compose_tools_paste_add")
    assert heading(page) == "Tools: lookup, now"
    press(page, "compose_save")
    assert library.load("mine")[0].tools == (replace(pasted[0], results=PROMPT.tools[0].results), pasted[1])
    press(page, "compose_tools_changed_undo")
    press(page, "compose_save")
    assert library.load("mine")[0].tools == PROMPT.tools
