"""Doubles the single braces of a prompt from the Run page, with Undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from promptgrid.grid import Plan
from promptgrid.grid.doubts import braces_doubts
from promptgrid.prompt import Prompt
from promptgrid.prompt.braces import with_double_braces
from promptgrid.store import drafts, plans
from promptgrid.ui import links, server
from promptgrid.ui.widgets.callbacks import leaving_error
from promptgrid.ui.widgets.feedback import note_with_button, show_left_error
from promptgrid.ui.widgets.plain import plain

UNDO = "run_doubled"  # (the prompt before, the etag of the file after)
ERROR = "run_braces_error"


def braces_notes(plan: Plan) -> set[str]:
    """Draws a note for each prompt of the plan with variables in single braces, and a button that saves the prompt with
    double braces, or opens the prompt if it has unsaved changes. Returns the sentences of the drawn notes. An old
    version of a prompt gets no note."""
    show_left_error(ERROR)
    doubts = set()
    for doubt, (prompt, names) in braces_doubts(plan).items():
        entry = server.prompts().get(prompt.name)
        if entry is not None and entry.version == prompt.version:
            _note(doubt, prompt, names)
            doubts.add(doubt)
    _undo_note()
    return doubts


def _note(doubt: str, prompt: Prompt, names: Sequence[str]) -> None:
    text, key = f":orange[{plain(doubt)}]", f"run_braces_{prompt.name}"
    if prompt.name not in drafts.drafted_prompts(server.database()):
        note_with_button(text, "Double the braces", key=key, on_click=_double, args=(prompt.name, names))
    elif note_with_button(text, "Open the prompt", key=key, on_click=lambda: None, args=()):
        st.switch_page(links.COMPOSE, query_params={"prompt": prompt.name})


def _undo_note() -> None:
    before, etag = st.session_state.get(UNDO, (None, None))
    if before is not None and server.library().etag(before.name) == etag:
        text = f"{plain(before.name)} is saved with double braces."
        note_with_button(text, "Undo", key="run_braces_undo", on_click=_undo, args=())


@leaving_error(ERROR)
def _double(name: str, names: Sequence[str]) -> None:
    before, etag = server.library().load(name)
    messages = (replace(message, text=with_double_braces(message.text, names)) for message in before.messages)
    etag = _save(replace(before, messages=tuple(messages)), etag)
    st.session_state[UNDO] = (before, etag)


@leaving_error(ERROR)
def _undo() -> None:
    _save(*st.session_state.pop(UNDO))


def _save(prompt: Prompt, etag: str | None) -> str:
    etag = server.library().save(prompt, etag)
    with server.database().write() as connection:
        plans.keep_version(connection, server.library().load(prompt.name)[0])
    return etag
