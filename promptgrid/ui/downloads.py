"""A button for a file that is made when it is pressed; where that fails, what happened stands beneath it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

import streamlit as st

from promptgrid.ui.feedback import show_error

_LOOK_S = 0.5


@dataclass
class _Making:
    """What became of the presses. Streamlit makes the file in a thread of its own, where nothing can be drawn, and that
    may be done before the callback of the press is called."""

    presses: int = 0
    ended: int = 0
    error: Exception | None = None

    @property
    def at_work(self) -> bool:
        return self.ended < self.presses

    def press(self) -> None:
        self.presses += 1

    def content(self, write: Callable[[BinaryIO], object]) -> bytes:
        out = io.BytesIO()
        self.error = None
        try:
            write(out)
        except Exception as error:
            self.error = error
            raise
        finally:
            self.ended += 1
        return out.getvalue()


@st.fragment
def download(
    label: str,
    write: Callable[[BinaryIO], object],
    file_name: str,
    mime: str,
    *,
    key: str,
    disabled: bool = False,
    help: str | None = None,
    width: Literal["content", "stretch"] = "content",
) -> None:
    """Draws the button; `write` fills the file. What it raises is shown until the button is pressed again."""
    making: _Making = st.session_state.setdefault(f"{key}_making", _Making())
    with st.container(key=f"pg_download_{key}", width=width):
        st.download_button(
            label,
            data=lambda: making.content(write),
            file_name=file_name,
            mime=mime,
            key=key,
            on_click=making.press,
            disabled=disabled,
            help=help,
            width=width,
        )
        if making.at_work:
            _follow(making)
        elif making.error is not None:
            show_error(making.error)


@st.fragment(run_every=_LOOK_S)
def _follow(making: _Making) -> None:
    """Until the file is made: a fragment stops looking only when it is no longer drawn."""
    if not making.at_work:
        st.rerun()
