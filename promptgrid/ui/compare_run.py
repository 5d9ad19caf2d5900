"""Which run the Compare page shows, and its matrix, read once and kept until a result changes."""

from __future__ import annotations

import streamlit as st

from promptgrid.compare.matrix import Matrix, matrix
from promptgrid.compare.old_summary import VariantSummary, summarise
from promptgrid.store import Database, results, runs
from promptgrid.store.results import Stamp
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.ui import compare_view, run_choice

TICK_S = 5.0


def choose_run(database: Database) -> RunInfo:
    """The selector; another run begins with a view of its own."""
    detail = "Answers are compared here, side by side."
    return run_choice.choose_run(database, "compare", detail=detail, on_change=compare_view.forget)


def read_matrix(database: Database, run: RunInfo) -> tuple[Matrix, list[VariantSummary]]:
    """The run's matrix as it is now, and the summary of each variant over all its cases."""
    return _matrix(run.id, results.stamp(database, run.id), _database=database)


@st.cache_resource(max_entries=6, show_spinner="Reading the replies…")
def _matrix(run_id: str, stamp: Stamp, *, _database: Database) -> tuple[Matrix, list[VariantSummary]]:
    found = matrix(_database, run_id)
    return found, summarise(found)


def watch_run(database: Database, run: RunInfo) -> None:
    """While the run goes on: says so, and draws the page anew when results have come in."""
    if run.status not in ACTIVE:
        return
    state = runs.progress(database, run.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{state.done:,} of {state.total:,} so far; this page follows.", width="content")
        st.page_link("pages/2_Run.py", label="To the run", query_params={"run": run.id})
    seen = results.stamp(database, run.id)
    st.session_state["compare_drawn"] = True  # the fragment's first call belongs to this very page
    _tick(run.id, seen, _database=database)


@st.fragment(run_every=TICK_S)
def _tick(run_id: str, seen: Stamp, *, _database: Database) -> None:
    if st.session_state.pop("compare_drawn", False):
        return
    if results.stamp(_database, run_id) != seen or runs.find_run(_database, run_id).status not in ACTIVE:
        st.rerun()
