"""A text while it is being typed."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


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
