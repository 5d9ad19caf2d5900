"""Which run the Compare page shows, and its matrix, read once and kept until a result changes."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from promptgrid import compare
from promptgrid.compare import Matrix, VariantSummary
from promptgrid.errors import StoreError
from promptgrid.store import Database, results, runs
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.ui import compare_view
from promptgrid.ui.feedback import empty_state, show_error
from promptgrid.words import STATUS_WORDS, many

TICK_S = 5.0
_KEY = "compare_run"


def choose_run(database: Database) -> RunInfo:
    """The selector, at the run of the address, else at the newest. Stops the page where there is nothing to show."""
    known = {run.id: run for run in runs.list_runs(database)}
    asked = st.query_params.get("run", "")
    if asked and asked not in known:
        _add_asked(database, asked, known)
    if not known:
        if empty_state(
            "No runs yet", "Set up a run", "compare_to_run", detail="Answers are compared here, side by side."
        ):
            st.switch_page("pages/2_Run.py")
        st.stop()
    if st.session_state.get(_KEY) not in known:
        st.session_state[_KEY] = asked if asked in known else next(iter(known))
    chosen = st.selectbox(
        "Run",
        list(known),
        format_func=lambda run_id: _label(known[run_id]),
        key=_KEY,
        label_visibility="collapsed",
        on_change=compare_view.forget,
    )
    return known[chosen]


def _add_asked(database: Database, asked: str, known: dict[str, RunInfo]) -> None:
    """A run that is not in the list: too old for it, or deleted. One that is nowhere is said."""
    try:
        run = runs.find_run(database, asked)
    except StoreError:
        show_error(StoreError(f'There is no run "{asked}".', hint="Choose one below."))
        st.query_params.clear()
    else:
        known[run.id] = run
        st.query_params["run"] = run.id


def _label(run: RunInfo) -> str:
    """Not escaped: the options of a selectbox are shown as they are."""
    when = f"{datetime.fromtimestamp(run.created):%d %b %H:%M}".lstrip("0")
    state = "deleted" if run.deleted else STATUS_WORDS[run.status]
    return f"{run.name} · {when} · {many(run.total, 'cell')} · {state} · {run.id}"


def read_matrix(database: Database, run: RunInfo) -> tuple[Matrix, list[VariantSummary]]:
    """The run's matrix as it is now, and the summary of each variant over all its cases."""
    return _matrix(run.id, results.stamp(database, run.id), _database=database)


@st.cache_resource(max_entries=6, show_spinner="Reading the replies…")
def _matrix(run_id: str, stamp: tuple[int, int, int], *, _database: Database) -> tuple[Matrix, list[VariantSummary]]:
    found = compare.matrix(_database, run_id)
    return found, compare.summarise(found)


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
def _tick(run_id: str, seen: tuple[int, int, int], *, _database: Database) -> None:
    if st.session_state.pop("compare_drawn", False):
        return
    if results.stamp(_database, run_id) != seen or runs.find_run(_database, run_id).status not in ACTIVE:
        st.rerun()
