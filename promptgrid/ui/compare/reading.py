"""Which run the Compare page shows, and what is read of it: kept until a result changes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid import compare
from promptgrid.compare import Arranged, ComparisonRow, Facts, PooledCell, View
from promptgrid.errors import StoreError
from promptgrid.store import Database
from promptgrid.store.runs import RunInfo
from promptgrid.ui.compare import view_state
from promptgrid.ui.compare.cells import matrix_rows
from promptgrid.ui.compare.matrix import MatrixRow
from promptgrid.ui.widgets import run_select
from promptgrid.ui.widgets.feedback import show_error

PAGE = "compare"  # what the keys of its widgets begin with


def choose_run(database: Database) -> RunInfo:
    """The selector; another run begins with a view of its own."""
    detail = "Answers are compared here, side by side."
    return run_select.choose_run(database, PAGE, detail=detail, on_change=view_state.forget)


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


def read_rows(
    database: Database, arranged: Arranged, start: int, count: int
) -> tuple[list[ComparisonRow], list[MatrixRow]]:
    """So many of the rows that are shown, with their texts, and as they are drawn; kept as what is arranged is."""
    found = arranged.facts
    return _rows(found.run_id, found.stamp, arranged.view, start, count, _database=database, _arranged=arranged)


@st.cache_resource(max_entries=4, show_spinner=False)
def _rows(
    run_id: str, stamp: object, view: View, start: int, count: int, *, _database: Database, _arranged: Arranged
) -> tuple[list[ComparisonRow], list[MatrixRow]]:
    rows = compare.page(_database, _arranged, start, count)
    return rows, matrix_rows(_arranged, rows)


def cell_of(rows: Sequence[ComparisonRow], selected: tuple[str, str]) -> tuple[ComparisonRow, PooledCell] | None:
    """The selected (row id, column id) of a page; None where that place is empty."""
    row = next(row for row in rows if row.id == selected[0])
    entry = row.entries.get(selected[1])
    return None if entry is None else (row, entry)
