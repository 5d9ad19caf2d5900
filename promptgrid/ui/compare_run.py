"""Which run the Compare page shows, and what is read of it: kept until a result changes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from promptgrid import compare
from promptgrid.compare import Arranged, Entry, Facts, Row, View
from promptgrid.errors import StoreError
from promptgrid.store import Database, results, runs
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.ui import compare_cells, compare_view, run_choice
from promptgrid.ui.feedback import show_error
from promptgrid.ui.matrix import MatrixRow

TICK_S = 5.0
PAGE = "compare"  # what the keys of its widgets begin with


def choose_run(database: Database) -> RunInfo:
    """The selector; another run begins with a view of its own."""
    detail = "Answers are compared here, side by side."
    return run_choice.choose_run(database, PAGE, detail=detail, on_change=compare_view.forget)


def read_facts(database: Database, run: RunInfo) -> Facts:
    """The run's facts as they are now. Stops the page where the run has gone meanwhile: deleted for good elsewhere."""
    try:
        return compare.facts(database, run.id)
    except StoreError as error:
        show_error(error)
        st.stop()


def arrange(database: Database, found: Facts, view: View) -> Arranged:
    """The rows of the view; kept, since every press of a cell asks for the same again."""
    return _arranged(found.run_id, found.stamp, view, _database=database, _facts=found)


@st.cache_resource(max_entries=4, show_spinner=False)
def _arranged(run_id: str, stamp: object, view: View, *, _database: Database, _facts: Facts) -> Arranged:
    return compare.arranged(_database, _facts, view)


def positions(arranged: Arranged) -> list[int]:
    """The cells of all rows that are shown; kept, for of 100,000 it takes a while to list them."""
    return _positions(arranged.facts.run_id, arranged.facts.stamp, arranged.view, _arranged=arranged)


@st.cache_resource(max_entries=1, show_spinner=False)
def _positions(run_id: str, stamp: object, view: View, *, _arranged: Arranged) -> list[int]:
    return _arranged.positions()


def read_rows(database: Database, arranged: Arranged, start: int, count: int) -> tuple[list[Row], list[MatrixRow]]:
    """So many of the rows that are shown, with their texts, and as they are drawn; kept as what is arranged is."""
    found = arranged.facts
    return _rows(found.run_id, found.stamp, arranged.view, start, count, _database=database, _arranged=arranged)


@st.cache_resource(max_entries=4, show_spinner=False)
def _rows(
    run_id: str, stamp: object, view: View, start: int, count: int, *, _database: Database, _arranged: Arranged
) -> tuple[list[Row], list[MatrixRow]]:
    rows = compare.page(_database, _arranged, start, count)
    return rows, compare_cells.rows(_arranged, rows)


def cell_of(rows: Sequence[Row], selected: tuple[str, str]) -> tuple[Row, Entry] | None:
    """The selected (row id, column id) of a page; None where that place is empty."""
    row = next(row for row in rows if row.id == selected[0])
    entry = row.entries.get(selected[1])
    return None if entry is None else (row, entry)


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
    with suppress(StoreError):  # gone for good meanwhile: the page will say so
        if results.stamp(_database, run_id) == seen and runs.find_run(_database, run_id).status in ACTIVE:
            return
    st.rerun()
