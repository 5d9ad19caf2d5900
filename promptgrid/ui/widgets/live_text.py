"""Text areas as they are typed in: Streamlit's own tells Python only when it is left, or at Ctrl+Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from promptgrid.ui.widgets.component import component

CELL = "*cell*"  # stands for the cell that is being edited, in whatever table of the page


def watch_text(keys: Sequence[str], key: str, *, note: Callable[[str], str] | None = None) -> dict[str, str]:
    """The text of each text area named by its widget key, as far as it is typed; reruns the fragment it stands in.

    Call it after the text areas are drawn. While one is typed in, its text is at most 200 ms old and newer than the
    widget's own value, so nothing may be saved or sent from it: a click leaves the text area first, and the widget's
    value is then the newest. In between, and whenever code sets the widget's value, that value counts. Code that puts
    back the value from before the typing must also call `forget_typed`.

    What `note` says of a text stands at the edge of its field, live: its tokens, say (`token_note`). With `CELL` among
    the keys it stands at the cell of a table that is being edited, too.
    """
    values = {name: str(st.session_state.get(name) or "") for name in keys}
    texts, typed = dict(values), _typed(st.session_state.get(key))
    if typed and values.get(typed["key"]) == typed["base"]:
        texts[typed["key"]] = typed["text"]
    notes = {name: note(text) if text else "" for name, text in texts.items()} if note else {}
    component("watch")(key=key, data={"texts": values, "notes": notes}, on_typed_change=lambda: None)
    return texts


def _typed(state: Any) -> dict[str, str] | None:
    """What was typed last: key, text, and the widget's value it was typed on top of."""
    return state.get("typed") if state else None


def forget_typed(key: str) -> None:
    """Drops what the watcher of that key has seen, so that the widgets' own values count."""
    st.session_state.pop(key, None)
