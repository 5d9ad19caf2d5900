"""A page that follows a run."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from promptgrid.errors import StoreError
from promptgrid.store import Database, results, runs
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.ui import links

TICK_S = 5.0
RUNS_TO_ANNOUNCE = "runs_to_announce"  # the ids of active runs this session has seen, in the session state


def announce_end(run: RunInfo) -> None:
    """Makes the sidebar show a toast in this session when the run ends."""
    st.session_state.setdefault(RUNS_TO_ANNOUNCE, set()).add(run.id)


def watch_run(database: Database, run: RunInfo) -> None:
    """While the run goes on: says so, and draws the page anew when results have come in."""
    if run.status not in ACTIVE:
        return
    state = runs.progress(database, run.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{state.done:,} of {state.total:,} so far; this page follows.", width="content")
        st.page_link(links.RUN, label="To the run", query_params={"run": run.id})
    seen = results.stamp(database, run.id)
    st.session_state["compare_drawn"] = True  # the fragment's first call belongs to this very page
    _tick(run.id, seen, _database=database)


@st.fragment(run_every=TICK_S)
def _tick(run_id: str, seen: tuple[int, int, int], *, _database: Database) -> None:
    if st.session_state.pop("compare_drawn", False):
        return
    with suppress(StoreError):  # gone for good meanwhile: the page will say so
        if results.stamp(_database, run_id) == seen and runs.find_run(_database, run_id).status in ACTIVE:
            return
    st.rerun()
