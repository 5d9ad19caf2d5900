"""A text while it is being typed."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.prompt import Message
from promptgrid.store import Database, stored_replies
from promptgrid.techniques import Turn
from promptgrid.tokens import ReportedUsage, budget, count_text
from promptgrid.ui.server import token_counter
from promptgrid.ui.widgets import live_text
from tests.faults.server import HostileServer


def watch_page() -> None:
    import streamlit as st

    from promptgrid.ui.widgets import live_text

    st.text_area("System", key="system")
    st.text_area("User", key="user")
    st.button("Forget", on_click=live_text.forget_typed, args=("w",))
    st.text(str(live_text.watch_text(["system", "user"], "w")))


def watched(typed: dict[str, Any] | None, committed: str = "old") -> AppTest:
    app = AppTest.from_function(watch_page, default_timeout=60)
    app.session_state["system"], app.session_state["user"] = "sys", committed
    if typed:
        app.session_state["w"] = {"typed": typed}
    return app.run()


def test_watched_text_is_what_is_being_typed() -> None:
    app = watched({"key": "user", "text": "old and new", "base": "old"})
    assert app.text[0].value == "{'system': 'sys', 'user': 'old and new'}"


def test_a_committed_text_is_newer_than_what_was_typed_before_it() -> None:
    app = watched({"key": "user", "text": "half", "base": "older"})
    assert app.text[0].value == "{'system': 'sys', 'user': 'old'}"


def test_watched_text_without_typing_is_the_widgets_own() -> None:
    assert watched(None).text[0].value == "{'system': 'sys', 'user': 'old'}"


def test_a_text_put_back_by_code_counts_after_forgetting() -> None:
    app = watched({"key": "user", "text": "typed", "base": "old"})
    app.button[0].click().run()
    assert app.text[0].value == "{'system': 'sys', 'user': 'old'}"


def test_the_badge_of_a_field_and_the_bar_below_count_alike(
    endpoint: HostileServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier replies correct the count of an unknown tokenizer: of the bar and of the badge."""
    body = {"model": "odd", "messages": [{"role": "user", "content": "Say one word about the weather of today."}]}
    monkeypatch.setattr(stored_replies, "reported_usage", lambda *_: [ReportedUsage(body, 40)] * 5)
    text = "You label product reviews, one word each."
    bar = budget([Turn(Message("system", text), "system")], token_counter("openai/odd"), 0, None)
    assert live_text.token_note("openai/odd")(text) == f"≈ {bar.system} tokens"
    assert bar.system != count_text(text, "openai/odd").tokens


@pytest.mark.usefixtures("endpoint")
def test_the_badge_of_a_template_says_that_values_are_not_counted() -> None:
    note = live_text.template_note("openai/gpt-4o")
    assert note("\nBe brief.\n") == note("Be brief.") == live_text.token_note("openai/gpt-4o")("Be brief.")
    assert note("Review: {{ text }}").endswith(" tokens without values")
