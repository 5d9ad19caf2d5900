"""Draws the note on single braces on the Compose page, with a button that doubles them, and Undo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from promptgrid.prompt import Message
from promptgrid.prompt.braces import braces_sentence, single_braces, with_double_braces
from promptgrid.ui.compose import state
from promptgrid.ui.widgets.feedback import note_with_button
from promptgrid.ui.widgets.live_text import forget_typed
from promptgrid.ui.widgets.plain import plain

CHANGES = "compose_doubled"  # key of a text area -> (text before, text after)
PRESSED = "compose_braces_pressed"


def braces_note(messages: Sequence[Message], known: Iterable[str]) -> None:
    """Draws a note and a button that doubles the braces if a message has variables in single braces, such as `{text}`;
    after a press, draws Undo. `known` are the names that count as variables, such as columns of cases. A press reruns
    the whole page, because the text areas are not part of this fragment."""
    if st.session_state.pop(PRESSED, False):
        st.rerun()
    if names := single_braces(messages, known):
        sentence = f":orange[●] {plain(braces_sentence(names))}"
        note_with_button(sentence, "Double the braces", key="compose_braces", on_click=_double, args=(names,))
    elif any(st.session_state.get(key) == after for key, (_, after) in _changes().items()):
        note_with_button("The braces are doubled.", "Undo", key="compose_braces_undo", on_click=_undo, args=())


def _changes() -> dict[str, tuple[str, str]]:
    changes: dict[str, tuple[str, str]] = st.session_state.get(CHANGES, {})
    return changes


def _double(names: Sequence[str]) -> None:
    texts = {key: st.session_state[key] for key in map(state.text_key, st.session_state.compose_turns)}
    after = {key: with_double_braces(text, names) for key, text in texts.items()}
    st.session_state[CHANGES] = {key: (text, after[key]) for key, text in texts.items() if text != after[key]}
    st.session_state.update({**after, PRESSED: True})


def _undo() -> None:
    for key, (before, after) in st.session_state.pop(CHANGES).items():
        if st.session_state.get(key) == after:
            st.session_state[key] = before
    forget_typed(state.WATCH)
    st.session_state[PRESSED] = True
