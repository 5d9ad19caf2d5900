"""Buttons for files that are made when they are pressed; where that fails, what happened stands beneath them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Literal

import streamlit as st

from promptgrid.ui.widgets.component import component
from promptgrid.ui.widgets.feedback import show_error


@dataclass(frozen=True)
class Download:
    """One button: `write` fills the file. `key` is the widget's."""

    label: str
    write: Callable[[BinaryIO], object]
    file_name: str
    mime: str
    key: str
    help: str | None = None
    disabled: bool = False


@dataclass
class _Made:
    """What became of the last press. Streamlit makes the file in a thread of its own, where nothing can be drawn: the
    browser says when a file did not come, and only then is the error shown."""

    error: Exception | None = None
    shown: bool = False

    def failed(self) -> None:
        self.shown = True

    def pressed_again(self) -> None:
        self.shown = False

    def content(self, write: Callable[[BinaryIO], object]) -> bytes:
        out = io.BytesIO()
        self.error = None
        try:
            write(out)
        except Exception as error:
            self.error = error
            raise
        return out.getvalue()


@st.fragment
def downloads(key: str, offers: Sequence[Download], *, width: Literal["content", "stretch"] = "content") -> None:
    """Draws the buttons. What `write` raised is shown until one is pressed again.

    A press draws nothing anew: that would give each button another file to ask for, and a quick press on the next one
    would ask for a file that is gone.
    """
    made: _Made = st.session_state.setdefault(f"{key}_made", _Made())
    with st.container(key=f"pg_downloads_{key}", width=width):
        for offer in offers:
            st.download_button(
                offer.label,
                data=partial(made.content, offer.write),
                file_name=offer.file_name,
                mime=offer.mime,
                key=offer.key,
                on_click="ignore",
                disabled=offer.disabled,
                help=offer.help,
                width=width,
            )
        component("downloads")(
            key=f"{key}_watch", data={}, on_failed_change=made.failed, on_again_change=made.pressed_again
        )
        if made.shown and made.error is not None:
            show_error(made.error)
