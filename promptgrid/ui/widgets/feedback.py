"""Errors, empty states, progress, and notes with a button."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from promptgrid import progress
from promptgrid.errors import EndpointError, PromptgridError
from promptgrid.humanize import many
from promptgrid.progress import OnWork
from promptgrid.prompt import Prompt
from promptgrid.ui.widgets.plain import plain

logger = logging.getLogger(__name__)
_PATIENCE_S = 0.5  # shorter work shows no bar
_EVERY_S = 0.1
MESSAGE_CHARS = 600  # the rest of a long message is in `raw` or in the log


def show_error(error: Exception) -> None:
    """Shows what happened and what to do next. A closed expander below has the endpoint's own message, if any.

    An error that is not a PromptgridError is a bug, so its traceback is logged.
    """
    if not isinstance(error, PromptgridError):
        logger.error("A page failed", exc_info=error)
        what = plain(f"{type(error).__name__}: {error}", limit=MESSAGE_CHARS)
        st.error(f"Promptgrid failed: {what}  \nThe log has the details.")
        return
    lines = [plain(error.message, limit=MESSAGE_CHARS), plain(error.hint, limit=MESSAGE_CHARS)]
    st.error("  \n".join(filter(None, lines)))
    if isinstance(error, EndpointError) and error.raw.strip():
        with st.expander("What the endpoint said"):
            st.code(error.raw, language=None, wrap_lines=True, height=220)


def calls_label(label: str, calls: int, *, at_most: bool = False) -> str:
    """Returns the label of a button that sends so many calls at once: `Run again · 3 calls`; the plain label for 0.
    With `at_most`, fewer may be sent: `Run again · up to 3 calls`."""
    return f"{label} · {'up to ' if at_most else ''}{many(calls, 'call')}" if calls else label


def file_notes(prompt: Prompt) -> None:
    """Lists, in a closed expander, the parts of the prompt's file that Promptgrid does not use."""
    with st.expander(f"Not taken over from the file ({len(prompt.notes)})"):
        for note in prompt.notes:
            st.caption(plain(note, limit=MESSAGE_CHARS))


def show_left_error(key: str) -> None:
    """Shows the error that a callback has stored in the session state under `key`, and removes it there."""
    if error := st.session_state.pop(key, None):
        show_error(error)


@contextmanager
def showing_errors() -> Iterator[None]:
    """A context manager. A PromptgridError raised in its block is shown at this place of the page, and the code after
    the block runs."""
    try:
        yield
    except PromptgridError as error:
        show_error(error)


def announce_error(error: PromptgridError) -> None:
    """Shows the error above the page until the user closes it: for a callback, which has no place on the page."""
    st.toast(plain(error, limit=MESSAGE_CHARS), icon=":material/error:", duration="infinite")


def empty_state(text: str, action_label: str, key: str, *, detail: str = "") -> bool:
    """Draws a box for a page without content: `text`, a second line (`detail`), and a button for the first step.
    Returns whether the button was pressed."""
    with st.container(border=True, key=f"{key}_empty"):
        st.markdown(f"**{plain(text)}**")
        if detail:
            st.caption(plain(detail))
        return st.button(plain(action_label), key=key, type="primary")


def note_with_button(text: str, label: str, *, key: str, on_click: Callable[..., None], args: tuple[Any, ...]) -> bool:
    """Draws a caption in Markdown and a small button beside it, for example to undo an action. A press calls `on_click`
    with `args`. Returns whether the button was pressed."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}_row"):
        st.caption(text, width="content")
        return st.button(label, key=key, on_click=on_click, args=args, type="tertiary")


@contextmanager
def progress_bar(cancel: str = "") -> Iterator[OnWork]:
    """Yields the function by which the work of the block tells how far it is; draws a bar of it that goes when the
    block ends. With the key `cancel`, a button Cancel stands below the bar. That button, and any other press on the
    page, ends the work: the page is drawn anew."""
    place = st.empty()
    began = time.monotonic()
    due = began + _PATIENCE_S
    bar = None

    def show(done: int, total: int, what: str) -> None:
        nonlocal bar, due
        now = time.monotonic()
        if now < due:
            return
        due = now + _EVERY_S
        if bar is None:
            with place.container(gap="xsmall"):
                bar = st.progress(0.0)
                if cancel:
                    st.button("Cancel", key=cancel, help="What was made so far is kept: Start goes on there.")
        bar.progress(min(done / total, 1.0) if total else 0.0, progress.words(done, total, what))

    try:
        yield show
    finally:
        place.empty()
