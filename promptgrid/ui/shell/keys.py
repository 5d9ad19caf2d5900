"""The keys of every page: the palette that goes to pages, prompts and runs, the list of the keys, and Save.

The script of this component also moves the focus into what opened and back, and keeps the browser's history to the
steps that a person sees: another page, prompt, run or conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from promptgrid.store import runs
from promptgrid.ui import links, server
from promptgrid.ui.shell.frame import pages
from promptgrid.ui.widgets.callbacks import popovers_closed
from promptgrid.ui.widgets.component import component

_KEY = "pg_keys_component"
_PLACES = "pg_places"  # in the session state while the palette waits for its list
_GO = "pg_go"  # in the session state: the place to go to

KEYS: Sequence[tuple[str, str]] = (
    ("Ctrl+K", "go to a page, a prompt or a run"),
    ("Ctrl+S", "save"),
    ("Ctrl+Enter", "take the text of a field; on Compose try once, on Run start, on Chat send"),
    ("Esc", "close what is open"),
    ("?", "show these keys"),
    ("↑ ↓ ← →", "move between the cells of Compare, say which reply is better on Judge"),
    ("Shift or Ctrl with ← →", "move a column of Compare, or change its width, on its head"),
    ("n, p", "next and previous case on Compare"),
    ("/", "find on Compare"),
)


def draw_keys() -> None:
    """Draws the component, which shows nothing until a key is pressed."""
    with st.container(key="pg_keys"):
        _keys()


@st.fragment
def _keys() -> None:
    if place := st.session_state.pop(_GO, None):
        page, query = place
        st.switch_page(page, query_params=query)
    component("keys")(
        key=_KEY,
        data={
            "keys": KEYS,
            "places": _places() if st.session_state.pop(_PLACES, False) else None,
            "closed": popovers_closed(),
        },
        on_open_change=_open,
        on_go_change=_go,
    )


def _places() -> list[dict[str, object]]:
    """Returns where the palette can go: each place has the texts of its line, its page and the page's parameters."""
    prompts = [_place(name, "prompt", links.COMPOSE, prompt=name) for name in server.prompts()]
    listed = [_place(run.name, f"run {run.id}", links.RUN, run=run.id) for run in runs.list_runs(server.database())]
    return [*(_place(label, "page", file) for file, label in pages()), *prompts, *listed]


def _place(label: str, kind: str, page: str, **query: str) -> dict[str, object]:
    return {"label": label, "kind": kind, "page": page, "query": query}


def _open() -> None:
    st.session_state[_PLACES] = True


def _go() -> None:
    place: Mapping[str, object] = st.session_state[_KEY]["go"]
    st.session_state[_GO] = (place["page"], place["query"])
