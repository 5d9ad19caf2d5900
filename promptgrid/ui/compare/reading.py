"""The selected run of the Compare page and its data, cached until a result changes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid import compare
from promptgrid.compare import ComparisonRow, ComparisonRows, Facts, PooledCell, View
from promptgrid.compare.parts import of_cases
from promptgrid.errors import StoreError
from promptgrid.store import Database, plans
from promptgrid.store.across.parts import opening_sentences, openings_of, parts_of_run
from promptgrid.store.runs import RunInfo
from promptgrid.ui.compare import view_state
from promptgrid.ui.compare.cells import matrix_rows
from promptgrid.ui.compare.matrix import MatrixRow
from promptgrid.ui.widgets import run_select
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain

PAGE = "compare"  # the prefix of the page's widget keys


def choose_run(database: Database) -> RunInfo:
    """Draws the selector of the run and returns the selected one. Another selection resets the view (rows, columns,
    filters) to its defaults."""
    detail = "This page compares the answers of a run side by side."
    return run_select.choose_run(database, PAGE, detail=detail, on_change=view_state.reset)


def read_facts(database: Database, run: RunInfo) -> Facts:
    """Returns what the Compare page knows about the run (its Facts), for the selected part of its cases. Stops the page
    if the run was removed."""
    try:
        facts = compare.facts(database, run.id)
        parts = parts_of_run(database, run.id)
        part = view_state.selected_part(list(parts))
        if part:
            facts = _of_part(run.id, facts.stamp, part, _cases=parts[part], _facts=facts)
        if len(facts.checks) > 1:
            check = view_state.selected_check(checks_of(database, facts))
            facts = _by_check(run.id, facts.stamp, check, _facts=facts)
        return facts
    except StoreError as error:
        show_error(error)
        st.stop()


def checks_of(database: Database, facts: Facts) -> list[str]:
    """Returns the names of the checks that have scored the run's cells, in the order of its plan."""
    return plans.checks_in_order(database, facts.run_id, facts.checks)


def show_openings(database: Database, run: RunInfo, facts: Facts) -> None:
    """If the page shows only cases of the part `prove`, says for each of the run's prompts how often runs have used
    that part."""
    parts = list(parts_of_run(database, run.id))
    if "prove" in (view_state.selected_part(parts), *(parts if len(parts) == 1 else ())):
        for sentence in opening_sentences(openings_of(database, facts.axes["prompt"])):
            st.caption(plain(sentence, limit=300))


def arrange(database: Database, facts: Facts, view: View) -> ComparisonRows:
    """Returns the rows of the matrix for this view (its layout, filter and order). Cached, because each press on a cell
    needs them again."""
    return _comparison(facts.run_id, facts.stamp, view, _database=database, _facts=facts)


@st.cache_resource(max_entries=2, show_spinner=False)
def _of_part(run_id: str, stamp: object, part: str, *, _cases: list[int], _facts: Facts) -> Facts:
    return of_cases(_facts, _cases, part)


@st.cache_resource(max_entries=2, show_spinner=False)
def _by_check(run_id: str, stamp: object, check: str, *, _facts: Facts) -> Facts:
    return compare.by_check(_facts, check)


@st.cache_resource(max_entries=4, show_spinner=False)
def _comparison(run_id: str, stamp: object, view: View, *, _database: Database, _facts: Facts) -> ComparisonRows:
    return compare.comparison_rows(_database, _facts, view)


def positions(comparison: ComparisonRows) -> list[int]:
    """Returns the positions of the cells in all rows of the view, cached because listing 100,000 of them is slow."""
    return _positions(comparison.facts.run_id, comparison.facts.stamp, comparison.view, _comparison=comparison)


@st.cache_resource(max_entries=1, show_spinner=False)
def _positions(run_id: str, stamp: object, view: View, *, _comparison: ComparisonRows) -> list[int]:
    return _comparison.positions()


def read_rows(
    database: Database, comparison: ComparisonRows, start: int, count: int
) -> tuple[list[ComparisonRow], list[MatrixRow]]:
    """Returns `count` rows of the view from index `start`, with their texts: as rows of the comparison, and as rows of
    the matrix. Both are cached until a result changes."""
    facts = comparison.facts
    return _rows(facts.run_id, facts.stamp, comparison.view, start, count, _database=database, _comparison=comparison)


@st.cache_resource(max_entries=4, show_spinner=False)
def _rows(
    run_id: str, stamp: object, view: View, start: int, count: int, *, _database: Database, _comparison: ComparisonRows
) -> tuple[list[ComparisonRow], list[MatrixRow]]:
    rows = compare.page(_database, _comparison, start, count)
    return rows, matrix_rows(_comparison, rows)


def cell_of(rows: Sequence[ComparisonRow], selected: tuple[str, str]) -> tuple[ComparisonRow, PooledCell] | None:
    """Returns the row and the cell that `selected`, a pair (row id, column id), names; None if the run has no such
    cell."""
    row = next(row for row in rows if row.id == selected[0])
    entry = row.entries.get(selected[1])
    return None if entry is None else (row, entry)
