"""The frame around every page: layout, style, menu, and the lines at the bottom of the sidebar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from promptgrid.ui import links
from promptgrid.ui.widgets.component import STATIC
from promptgrid.ui.widgets.plain import plain

FootState = Literal["ok", "busy", "mind"]
_DOTS: Mapping[FootState, str] = {"ok": ":green[●]", "busy": ":blue[●]", "mind": ":orange[●]"}

# Group -> (file, label, icon).
MENU: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "": [(links.HOME, "Home", "home")],
    "Prompts": [
        (links.COMPOSE, "Compose", "edit_note"),
        (links.LIBRARY, "Library", "folder_open"),
        (links.CASES, "Cases", "fact_check"),
        (links.DOCUMENTS, "Documents", "library_books"),
    ],
    "Experiments": [
        (links.RUN, "Run", "play_arrow"),
        (links.COMPARE, "Compare", "table_chart"),
        (links.IMPROVE, "Improve", "trending_up"),
        (links.CURVES, "Curves", "show_chart"),
        (links.JUDGE, "Judge", "how_to_vote"),
        (links.HISTORY, "History", "history"),
        (links.TUNE, "Tune", "model_training"),
    ],
    "Learn": [
        (links.TOKENS, "Tokens", "toll"),
        (links.NEXT_WORD, "Next word", "casino"),
        (links.CHAT, "Chat", "forum"),
    ],
    "Setup": [(links.SETTINGS, "Settings", "tune")],
}


@dataclass(frozen=True, slots=True)
class FootLine:
    """A line at the bottom of the sidebar, with a dot whose colour shows the `state` ("mind": a warning). With a
    `page`, one of the paths in `links`, the line is a link to that page with the parameters `query`."""

    text: str
    state: FootState = "ok"
    page: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


def frame(title: str, *, footer: Sequence[FootLine] = (), below: Callable[[], None] | None = None) -> None:
    """Sets the wide layout and the title of the browser tab, and draws the menu and the lines of `footer` in the
    sidebar. `below` draws what follows these lines.

    Each page calls this function itself, because a page that is opened by its address runs without workbench.py.
    """
    st.set_page_config(page_title=f"{title} · Promptgrid", page_icon=str(STATIC / "icon.svg"), layout="wide")
    st.logo(str(STATIC / "logo.svg"), icon_image=str(STATIC / "icon.svg"))
    st.html(f"<style>:root {{ --pg-page: '{title}' }} {(STATIC / 'frame.css').read_text('utf-8')}</style>")
    with st.sidebar:
        with st.container(key="pg_menu", gap="xxsmall"):
            _menu()
        with st.container(key="pg_foot", gap=None):
            for line in footer:
                draw_foot_line(line)
            if below is not None:
                below()


def _menu() -> None:
    folder = _app_folder()
    for group, entries in MENU.items():
        if group:
            st.caption(group)
        for file, label, icon in entries:
            if (folder / file).is_file():
                st.page_link(file, label=label, icon=f":material/{icon}:", width="stretch")


def pages() -> list[tuple[str, str]]:
    """Returns the path and the name of each page in the menu."""
    folder = _app_folder()
    entries = [(file, label) for group in MENU.values() for file, label, _ in group]
    return [(file, label) for file, label in entries if (folder / file).is_file()]


def _app_folder() -> Path:
    """Returns the folder of the workbench.py that the server runs: in a checkout, or in the installed package."""
    context = get_script_run_ctx()
    return Path(context.main_script_path).parent if context else Path()


def draw_foot_line(line: FootLine) -> None:
    label = f"{_DOTS[line.state]} {plain(line.text, limit=80)}"
    if line.page:
        st.page_link(line.page, label=label, query_params=dict(line.query), width="stretch")
    else:
        st.caption(label)
