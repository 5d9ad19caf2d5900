"""Errors and empty pages."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.widgets.shown import shown


def errors_page() -> None:
    from promptgrid.errors import EndpointError, PromptError
    from promptgrid.ui.widgets import feedback

    feedback.show_error(PromptError("No **value** for `text`.", hint="Fill it in."))
    feedback.show_error(EndpointError("server", "500 ![](http://127.0.0.1:9/a.png)", raw="<html>"))
    feedback.show_error(KeyError("![](x)"))


def test_errors_say_what_happened_and_what_to_do_as_plain_text(caplog: pytest.LogCaptureFixture) -> None:
    app = AppTest.from_function(errors_page, default_timeout=60).run()
    ours, theirs, bug = (error.value for error in app.error)
    assert shown(ours) == "No **value** for `text`.  \nFill it in."
    assert r"\!&#91;&#93;\(" in theirs
    assert app.code[0].value == "<html>"
    assert "KeyError" in bug
    assert r"\!&#91;&#93;\(" in bug
    assert caplog.records[-1].exc_info


def empty_page() -> None:
    import streamlit as st

    from promptgrid.ui.widgets import feedback

    st.text(str(feedback.empty_state("No run yet", "Compose a prompt", "go")))


def test_empty_state_reports_its_press() -> None:
    app = AppTest.from_function(empty_page, default_timeout=60).run()
    assert app.text[0].value == "False"
    assert app.button(key="go").click().run().text[0].value == "True"
