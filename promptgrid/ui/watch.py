"""Text areas as they are typed in: Streamlit's own tells Python only when it is left, or at Ctrl+Enter."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.ui.component import component


def watch_text(keys: Sequence[str], key: str) -> dict[str, str]:
    """The text of each text area named by its widget key, as far as it is typed; reruns the fragment it stands in.

    Call it after the text areas are drawn. While one is typed in, its text is at most 250 ms old and newer than the
    widget's own value, so nothing may be saved or sent from it: a click leaves the text area first, and the widget's
    value is then the newest. In between, and whenever code sets the widget's value, that value counts. Code that puts
    back the value from before the typing must also call `forget_typed`.
    """
    texts = {name: str(st.session_state.get(name) or "") for name in keys}
    state = component("watch")(key=key, data={"texts": texts}, on_typed_change=lambda: None)
    typed = state.get("typed")
    if typed and texts.get(typed["key"]) == typed["base"]:
        return {**texts, typed["key"]: typed["text"]}
    return texts


def forget_typed(key: str) -> None:
    """Drops what the watcher of that key has seen, so that the widgets' own values count."""
    st.session_state.pop(key, None)
