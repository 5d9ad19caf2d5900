"""The view of the context budget: another limit is tried at once, and each policy says what it would cut."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

pytestmark = pytest.mark.usefixtures("openai")


def view() -> AppTest:
    def script() -> None:
        from promptgrid.prompt import Message
        from promptgrid.techniques import Turn
        from promptgrid.ui.widgets.context_window import context_view

        turns = [
            Turn(Message("system", "You are brief."), "system"),
            *[Turn(Message("user", "word " * 20), "examples"), Turn(Message("assistant", "word " * 20), "examples")]
            * 2,
            Turn(Message("user", "And now?"), "question"),
        ]
        context_view(turns, "openai/gpt-4o", 16, key="tried")

    return AppTest.from_function(script, default_timeout=30).run()


def test_with_the_models_own_limit_nothing_is_cut_and_the_free_space_is_shown() -> None:
    at = view()
    assert not at.dataframe
    assert "more examples of this length fit" in at.caption[0].value


def test_a_smaller_limit_says_what_each_policy_cuts() -> None:
    at = view()
    at.select_slider(key="tried_limit").set_value(128).run()
    rows = at.dataframe[0].value.set_index("when it is full")["is cut"]
    assert rows["Drop the oldest, keep the system message"] == "1 example"
    assert rows["Drop the oldest, whatever it is"] == "1 system message"
    at.text_area(key="tried_retrieved").set_value("found " * 60).run()
    rows = at.dataframe[0].value.set_index("when it is full")["is cut"]
    assert rows["Drop the examples first"] == "2 examples"
    at.number_input(key="tried_reserve").set_value(2000).run()
    assert all("too long, even without" in words for words in at.dataframe[0].value["is cut"])


def test_another_model_brings_its_own_limit() -> None:
    def script() -> None:
        import streamlit as st

        from promptgrid.ui.widgets.context_window import limit_slider

        st.text(str(limit_slider(100 if st.checkbox("small") else 1000, key="limit")))

    at = AppTest.from_function(script, default_timeout=30).run()
    assert at.text[0].value == "1000"
    at.checkbox[0].check().run()
    assert at.text[0].value == "100"
    at.select_slider(key="limit").set_value(48).run()
    assert at.text[0].value == "48"
