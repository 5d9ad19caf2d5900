"""Prompts with tools on Compose: the tools are listed, count as tokens, and a try shows its calls as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptgrid.library.folder import Library
from promptgrid.prompt import Input, Message, MockResult, Prompt, Tool
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
    assert "Edit the tools in the prompt's file" in shown(page)
    press(page, "compose_save")
    assert library.load("mine")[0].tools == PROMPT.tools
