"""The text of text areas while it is typed, and its tokens. Streamlit reports a text only when its field loses focus,
or at Ctrl+Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from promptgrid import tokens
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.prompt import Message
from promptgrid.ui.widgets.component import component

LIVE_CHARS = 50_000  # longer texts are estimated: a server needs a second for some 200,000 characters
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
    # The last typing: `key`, `text`, and `base`, the value of the widget before it.
    texts, typed = dict(committed), (st.session_state.get(key) or {}).get("typed")
    if typed and committed.get(typed["key"]) == typed["base"]:
        texts[typed["key"]] = typed["text"]
    notes = {name: note(text) if text else "" for name, text in texts.items()} if note else {}
    component("watch")(key=key, data={"texts": committed, "notes": notes}, on_typed_change=lambda: None)
    return texts


def forget_typed(key: str) -> None:
    """Drops the typed text of the watcher with that key, so that the values of the widgets count."""
    st.session_state.pop(key, None)


def token_note(ref: str) -> Callable[[str], str]:
    """A `note` for `watch_text`: "14 tokens" or "≈ 14 tokens", counted by `ref`, an encoding or ENDPOINT/MODEL.

    The note is empty if no endpoint serves the model.
    """
    return lambda text: _note(text, ref)


def _note(text: str, ref: str) -> str:
    try:
        if len(text) > LIVE_CHARS and not tokens.encoding_of(ref):
            count = tokens.estimate([Message("user", text)], "", "completion")
        else:
            count = tokens.count_in(ref, text) if ref in tokens.ENCODINGS else tokens.count_text(text, ref)
    except PromptgridError:
        return ""
    return f"{'' if count.exact else '≈ '}{many(count.tokens, 'token')}"
