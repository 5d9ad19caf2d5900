"""Undo: a note that says what an action has replaced or deleted, with a button that brings it back.

An action calls `offer_undo` after it has changed something; the page draws `undo_note`. Each page has a list of its
own: one press undoes the newest action, the next press the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from promptgrid.humanize import many
from promptgrid.ui.widgets.feedback import note_with_button
from promptgrid.ui.widgets.plain import plain

STEPS = 20  # older actions can no longer be undone


@dataclass(frozen=True)
class _Step:
    text: str
    restore: Callable[[], None]


def offer_undo(page: str, text: str, restore: Callable[[], None]) -> None:
    """Adds an action to the list of `page`. `text` says in plain text what was done, such as "Removed the message.";
    `restore` reverts it. `restore` is called as a callback, so it may set the values of widgets; if it raises a
    PromptgridError, the error is shown above the page and the action can still be undone."""
    st.session_state[_key(page)] = [*_steps(page), _Step(text, restore)][-STEPS:]


def undo_note(page: str) -> None:
    """Draws the note of the newest action of `page` that can be undone; nothing if there is none."""
    if steps := _steps(page):
        text = plain(steps[-1].text, limit=200)
        note_with_button(text, "Undo", key=f"{page}_undo", on_click=_undo, args=(page, len(steps)))


def forget_undo(page: str) -> None:
    """Empties the list of `page`, for example because it shows something else now."""
    st.session_state.pop(_key(page), None)


def loss(before: Sequence[Mapping[str, str]], after: Sequence[Mapping[str, str]], noun: str) -> str:
    """Returns a sentence that says what the rows of a table have lost in an edit, such as "Removed 2 examples.", with
    the `noun` in the singular; "" if no row and no filled cell is gone."""
    filled = [sum(map(bool, row.values())) for rows in (before, after) for row in rows]
    rows, cells = len(before) - len(after), sum(filled[: len(before)]) - sum(filled[len(before) :])
    if rows > 0:
        return f"Removed {many(rows, noun)}."
    return f"Emptied {many(cells, 'cell')}." if cells > 0 else ""


def _undo(page: str, count: int) -> None:
    """Undoes the newest of `count` actions. A repeated press finds fewer of them, and undoes nothing."""
    steps = _steps(page)
    if len(steps) == count:
        steps[-1].restore()
        st.session_state[_key(page)] = steps[:-1]


def _steps(page: str) -> list[_Step]:
    steps: list[_Step] = st.session_state.get(_key(page), [])
    return steps


def _key(page: str) -> str:
    return f"{page}_undo_steps"
