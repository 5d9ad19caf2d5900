"""The text of text areas while the user types, and its token count. Without this module, Streamlit reports a text only
when its field loses focus, or at Ctrl+Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from promptgrid import tokens
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.prompt import Message
from promptgrid.ui.server import token_counter
from promptgrid.ui.widgets.component import component

LIVE_CHARS = 50_000  # longer texts are estimated: a server needs a second for some 200,000 characters
CELL = "*cell*"  # stands for the table cell that the user edits


def watch_text(keys: Sequence[str], key: str, *, note: Callable[[str], str] | None = None) -> dict[str, str]:
    """Returns the current text of each text area in `keys`, by widget key. Typing reruns the calling fragment. `key` is
    the key of the component that reports the text.

    Call this after the text areas are drawn. While the user types, the returned text is that of the first key or of the
    last pause of 200 ms, and newer than the value of the widget. To save or send a text, use the value of the widget
    instead: a click on a button first takes the focus from the text area, which updates that value. If code sets the
    value of a text area in the session state, this value replaces the typed text. To set it back to the value from
    before the typing, also call `forget_typed`.

    `note` is called with each text that is not empty; its result, such as a token count (`token_note`), appears at the
    edge of the field. If `keys` contains `CELL`, the note also appears at the table cell that the user edits.
    """
    committed = {name: str(st.session_state.get(name) or "") for name in keys}
    # `typed` has `key`, `text`, and `base`, the value of the widget before the typing.
    texts, typed = dict(committed), (st.session_state.get(key) or {}).get("typed")
    if typed and committed.get(typed["key"]) == typed["base"]:
        texts[typed["key"]] = typed["text"]
    notes = {name: note(text) if text else "" for name, text in texts.items()} if note else {}
    component("watch")(key=key, data={"texts": committed, "notes": notes}, on_typed_change=lambda: None)
    return texts


def forget_typed(key: str) -> None:
    """Discards the typed text of the `watch_text` call with this `key`, so that the values of its widgets apply."""
    st.session_state.pop(key, None)


def token_note(ref: str) -> Callable[[str], str]:
    """Returns a `note` for `watch_text`, such as "14 tokens" or "≈ 14 tokens". `ref` is an encoding or ENDPOINT/MODEL.

    The note is empty if no endpoint serves the model.
    """
    return lambda text: _note(text, ref)


def template_note(ref: str) -> Callable[[str], str]:
    """Returns a `note` as `token_note` does, for the text of a message in a template: newlines around it are not sent,
    and where values go in, the note says that it does not count them."""

    def note(text: str) -> str:
        counted = token_note(ref)(text.strip("\n"))
        return f"{counted} without values" if counted and ("{{" in text or "{%" in text) else counted

    return note


def _note(text: str, ref: str) -> str:
    try:
        if len(text) > LIVE_CHARS and not tokens.encoding_of(ref):
            count = tokens.estimate([Message("user", text)], "", "completion")
        else:
            own = ref in tokens.ENCODINGS
            count = tokens.count_in(ref, text) if own else token_counter(ref)([Message("user", text)], "completion")
    except PromptgridError:
        return ""
    return f"{'' if count.exact else '≈ '}{many(count.tokens, 'token')}"
