"""Download buttons that write their file when pressed. If writing fails, the error appears below the buttons."""

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
    """One download button. At a press `write` is called with an open binary file and writes the content into it; `key`
    is the key of the widget."""

    label: str
    write: Callable[[BinaryIO], object]
    file_name: str
    mime: str
    key: str
    help: str | None = None
    disabled: bool = False


@dataclass
class _Press:
    """The last press of a download button. `error` is what writing the file raised, `shown` whether the page shows it.
    Streamlit writes the file in another thread, which cannot draw. So the page shows an error only after the browser
    has reported that the download failed."""

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
    """Draws the download buttons. An error that a `write` raised stays on the page until the next press. `key` is the
    key of their group.

    A press must not redraw the buttons. Each would get the address of a new file, and a quick press on another button
    would request a file that no longer exists.
    """
    press: _Press = st.session_state.setdefault(f"{key}_press", _Press())
    with st.container(key=f"pg_downloads_{key}", width=width):
        for offer in offers:
            st.download_button(
                offer.label,
                data=partial(press.content, offer.write),
                file_name=offer.file_name,
                mime=offer.mime,
                key=offer.key,
                on_click="ignore",
                disabled=offer.disabled,
                help=offer.help,
                width=width,
            )
        component("downloads")(
            key=f"{key}_watch", data={}, on_failed_change=press.failed, on_again_change=press.pressed_again
        )
        if press.shown and press.error is not None:
            show_error(press.error)
