"""The progress of an active run on the pages that show its results, and the toast at its end."""

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
    """Remembers the run, so that the sidebar shows a toast in this session when it ends."""
    st.session_state.setdefault(RUNS_TO_ANNOUNCE, set()).add(run.id)


def watch_run(database: Database, run: RunInfo) -> None:
    """Shows the progress of the run while it is active, and reruns the page when it has new results."""
    if run.status not in ACTIVE:
        return
    progress = runs.progress(database, run.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{progress.done:,} of {progress.total:,} done; this page updates itself.", width="content")
        st.page_link(links.RUN, label="Open the run", query_params={"run": run.id})
    stamp = results.stamp(database, run.id)
    st.session_state["follow_run_drawn"] = True  # the fragment's first call happens while the page runs
    _rerun_on_results(run.id, stamp, _database=database)


@st.fragment(run_every=TICK_S)
def _rerun_on_results(run_id: str, stamp: tuple[int, int, int], *, _database: Database) -> None:
    if st.session_state.pop("follow_run_drawn", False):
        return
    with suppress(StoreError):  # the run was removed; the page reports it
        if results.stamp(_database, run_id) == stamp and runs.find_run(_database, run_id).status in ACTIVE:
            return
    st.rerun()
