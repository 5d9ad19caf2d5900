"""The editor of a chain on the Compose page: what is edited is what the file has, and errors stand at their step."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.library.folder import Library
from promptgrid.prompt import Message, Prompt
from promptgrid.prompt.model import ChainStep
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import press, ran, shown

pytestmark = pytest.mark.usefixtures("endpoint")


def opened(prompt: str) -> AppTest:
    return pages.opened("1_Compose.py", prompt=prompt)


def key(page: AppTest, name: str, at: int) -> str:
    return f"compose_step_{name}_{page.session_state['compose_steps'][at]}"


def heading(page: AppTest) -> str:
    return next(one.label for one in page.expander if one.label.startswith("Chain"))


def bodies(server: HostileServer) -> list[dict[str, Any]]:
    return [one.body for one in server.requests if one.path.endswith("/chat/completions")]


@pytest.fixture
def reply(library: Library) -> str:
    """A prompt without a chain."""
    library.save(Prompt("reply", (Message("user", "Answer {{ text }}, the tone is {{ tone }}."),)), None)
    return "reply"


def test_a_step_is_added_edited_moved_and_saved(reply: str, library: Library) -> None:
    page = opened(reply)
    assert heading(page) == "Chain: none"
    press(page, "compose_step_add")
    page.text_input(key=key(page, "output", 0)).set_value("tone")
    page.text_area(key=key(page, "text", 0)).set_value("user:\nTone of {{ text }}?")
    page.number_input(key=key(page, "repeat", 0)).set_value(2)
    ran(page)
    page.text_input(key=key(page, "until", 0)).set_value("GOOD")
    page.selectbox(key=key(page, "technique", 0)).set_value("chain-of-thought")
    press(page, "compose_step_add")
    page.selectbox(key=key(page, "prompt", 1)).set_value("sentiment")
    page.text_input(key=key(page, "output", 1)).set_value("kind")
    ran(page)
    assert heading(page) == "Chain: tone → kind → this prompt"
    press(page, key(page, "up", 1))
    assert heading(page) == "Chain: kind → tone → this prompt"
    press(page, "compose_save")
    tone = ChainStep("tone", text="user:\nTone of {{ text }}?", technique="chain-of-thought", repeat=2, until="GOOD")
    assert library.load(reply)[0].chain == (ChainStep("kind", prompt="sentiment"), tone)
    press(page, key(page, "remove", 0))
    assert heading(page) == "Chain: tone → this prompt"
    press(page, "compose_steps_removed_undo")
    assert heading(page) == "Chain: kind → tone → this prompt"
    assert page.session_state["compose_opened"].draft is None  # as it was saved


def test_what_cannot_work_is_told_at_its_step_and_not_saved(reply: str, library: Library) -> None:
    page = opened(reply)
    press(page, "compose_step_add")
    for name, value, problem in (
        ("output", "two words", "The step needs as:"),
        ("output", "tone", ""),
        ("text", "user:\n{{ tone }}", "uses tone, which no earlier step gives"),
        ("text", "user:\n{{ broken", "unexpected end of template"),
        ("text", "user:\n{{ text }}", ""),
    ):
        field = page.text_area if name == "text" else page.text_input
        field(key=key(page, name, 0)).set_value(value)
        ran(page)
        assert (problem in shown(page)) if problem else "cannot work" not in heading(page)
        assert page.button(key=key(page, "try", 0)).disabled == bool(problem)
    page.selectbox(key=key(page, "prompt", 0)).set_value("reply")
    ran(page)
    assert "the chain is a circle: reply → reply" in shown(page)
    page.text_input(key=key(page, "output", 0)).set_value("")
    ran(page)
    press(page, "compose_save")
    assert library.load(reply)[0].chain == ()


def test_a_try_ends_with_the_step(library: Library, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "good" if "Tone" in body["messages"][-1]["content"] else "fine"
    steps = (
        ChainStep("tone", text="user:\nTone of {{ text }}?", temperature=0.0),
        ChainStep("more", text="user:\n<{{ tone }}>"),
    )
    messages = (Message("user", "Answer {{ text }}: {{ more }}."),)
    library.save(Prompt("reply", messages, chain=steps), None)
    page = opened("reply")
    page.selectbox(key="compose_model").set_value("openai/ok")
    pages.value_field(page, "text").set_value("It broke.")
    ran(page)
    for at, sent in ((0, ["Tone of It broke.?"]), (1, ["Tone of It broke.?", "<good>"])):
        before = len(bodies(hostile))
        press(page, key(page, "try", at))
        page.session_state["compose_attempt"].wait(60)
        ran(page)
        assert [body["messages"][-1]["content"] for body in bodies(hostile)[before:]] == sent
    assert "fine" in [block.value for block in page.code]


def test_tools_of_a_prompt_stay_when_it_is_saved(library: Library) -> None:
    before = library.load("travel-desk")[0]
    assert before.tools
    page = opened("travel-desk")
    page.text_input(key="compose_description").set_value("Changed.")
    ran(page)
    press(page, "compose_save")
    after = library.load("travel-desk")[0]
    assert (after.description, after.tools) == ("Changed.", before.tools)
