"""The text of text areas while it is typed. Streamlit reports it only when the field loses focus, or at Ctrl+Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from promptgrid.ui.widgets.component import component

CELL = "*cell*"  # stands for the cell under edit in any table of the page


def watch_text(keys: Sequence[str], key: str, *, note: Callable[[str], str] | None = None) -> dict[str, str]:
    """The current text of each text area in `keys`, by widget key. Typing reruns the fragment that calls this.

    Call it after the text areas are drawn. During typing the text is at most 200 ms old and newer than the value of the
    widget. Do not save or send it: a click on a button first moves the focus, and the value of the widget is then the
    newest. A value that code sets in the session state counts over what was typed; code that restores the value from
    before the typing must also call `forget_typed`.

    The result of `note`, such as a token count (`token_note`), appears at the edge of the field. With `CELL` among the
    keys it appears at the table cell under edit, too.
    """
    committed = {name: str(st.session_state.get(name) or "") for name in keys}
    texts, typed = dict(committed), _typed(st.session_state.get(key))
    if typed and committed.get(typed["key"]) == typed["base"]:
        texts[typed["key"]] = typed["text"]
    notes = {name: note(text) if text else "" for name, text in texts.items()} if note else {}
    component("watch")(key=key, data={"texts": committed, "notes": notes}, on_typed_change=lambda: None)
    return texts


def _typed(state: Any) -> dict[str, str] | None:
    """The last typing: `key`, `text`, and `base`, the value of the widget before it."""
    return state.get("typed") if state else None


def forget_typed(key: str) -> None:
    """Drops the typed text of the watcher with that key, so that the values of the widgets count."""
    st.session_state.pop(key, None)
