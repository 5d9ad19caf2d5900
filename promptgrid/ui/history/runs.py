"""The runs of the History page: all, the favourites, or those with a tag."""

from __future__ import annotations

import streamlit as st

from promptgrid.store import Database
from promptgrid.store.across.tags import tag_counts
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.run_list import recent_runs

_SHOWN = 14
_ALL, _FAVOURITES = "", "\0"  # no tag is one of these


def marked_runs(database: Database) -> None:
    """Draws the filter by favourite and tag, and the list of the runs that it selects."""
    tags = tag_counts(database)
    names = {_ALL: "All", _FAVOURITES: "★ Favourites"} | {tag: f"{plain(tag)} {count:,}" for tag, count in tags.items()}
    if st.session_state.get("history_marked", _ALL) not in names:
        st.session_state.history_marked = _ALL
    marked = st.pills(
        "Runs",
        list(names),
        default=_ALL,
        format_func=names.__getitem__,
        key="history_marked",
        required=True,
        label_visibility="collapsed",
    )
    if not tags:
        st.caption("The menu of a run gives it tags, or makes it a favourite.")
    recent_runs(count=_SHOWN, favourite=marked == _FAVOURITES, tag="" if marked == _FAVOURITES else str(marked or ""))
