"""Techniques of several calls on Compose: all steps are tried, and shown with their messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid.library.folder import Library
from promptgrid.store import Database
from tests.ui import pages
from tests.ui.pages import press, ran, shown

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")


def refining(body: dict[str, Any]) -> str:
    last = body["messages"][-1]["content"]
    return (
        "The label is wrong." if "Check your reply" in last else f"Answer: {'mixed' if 'wrong' in last else 'negative'}"
    )


def test_try_once_carries_out_all_steps_and_the_preview_then_has_their_messages(
    hostile: HostileServer, database: Database
) -> None:
    hostile.answer = refining
    page = pages.opened("1_Compose.py")
    page.button_group(key="compose_technique").set_value("self-refine")
    ran(page)
    assert "Up to 5 calls" in shown(page)
    assert page.button_group(key="compose_step").options == ["draft"]
    page.selectbox(key="compose_model").set_value("openai/ok")
    press(ran(page), "compose_try")
    page.session_state["compose_attempt"].wait(60)
    ran(page)
    steps = ["draft", "critique 1", "refine 1", "critique 2", "refine 2"]
    assert page.button_group(key="compose_step").options == steps
    assert [name for name in steps if f"**{name}**" in shown(page)] == steps
    assert "5 calls" in shown(page)
    assert "**mixed**" in shown(page)
    assert hostile.calls("ok") == 5


def test_options_of_a_technique_are_chosen_there(hostile: HostileServer) -> None:
    page = pages.opened("1_Compose.py")
    page.selectbox(key="compose_technique_adjusted").set_value("self-refine")
    ran(page)
    page.number_input(key="compose_technique_self-refine_rounds").set_value(1)
    ran(page)
    press(page, "compose_technique_add")
    assert page.button_group(key="compose_technique").value == "self-refine:rounds=1"
    assert "self-refine:rounds=1 · ≤\u202f3 calls" in page.button_group(key="compose_technique").options
    assert "Up to 3 calls" in shown(page)


def test_the_words_of_every_technique_can_be_changed_and_outlive_a_save(library: Library) -> None:
    prompt, _ = library.load("sentiment")
    library.save(replace(prompt, name="mine", wording={"critique": "Find mistakes.\n\nSay {stop} if none."}), None)
    page = pages.opened("1_Compose.py", prompt="mine")
    page.text_area(key="compose_word_verify").set_value("Only this: {question}")
    press(ran(page), "compose_save")
    wording = library.load("mine")[0].wording
    assert wording == {"critique": "Find mistakes.\n\nSay {stop} if none.", "verify": "Only this: {question}"}
