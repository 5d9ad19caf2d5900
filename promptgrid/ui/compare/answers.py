"""The matrix of the Compare page and the detail of the selected cell, in one fragment that most presses rerun alone."""

from __future__ import annotations

import streamlit as st

from promptgrid import compare
from promptgrid.compare import ComparisonRows
from promptgrid.store import Database
from promptgrid.ui.compare import controls, reading, tables, view_state
from promptgrid.ui.compare.cells import matrix_columns
from promptgrid.ui.compare.detail import detail
from promptgrid.ui.compare.matrix import matrix, pages_of

_HEIGHT = 620


@st.fragment
def answers(database: Database, comparison: ComparisonRows, corner: str) -> None:
    """Draws one page of the matrix and the detail of the selected cell; stores the page and the cell in the address.

    `corner` is the heading above the titles of the rows. A press that changes other parts of the page reruns the whole
    page.
    """
    if view_state.needs_rerun():
        st.rerun()
    pages = pages_of(len(comparison), len(comparison.columns))
    rows, matrix_lines = reading.read_rows(database, comparison, pages.start, pages.rows)
    columns = matrix_columns(comparison, compare.summarise(comparison.facts, comparison.view))
    with st.container(horizontal=True, key="compare_beside"):
        with st.container(key="compare_answers"):
            selected = matrix(
                view_state.MATRIX,
                columns=columns,
                rows=matrix_lines,
                selected=view_state.start_selection(),
                height=_HEIGHT,
                find=view_state.FIND,
                corner=corner,
                on_sort=view_state.sort_by,
                on_move=lambda column_id, place: view_state.move(comparison, column_id, place),
                on_turn=lambda row_id, column_id, by: view_state.turn(comparison, row_id, column_id, by),
            )
            controls.pagination(pages)
        if selected and (cell := reading.cell_of(rows, selected)):
            several_cases = cell[1].cases > 1  # then the detail is short
            with st.container(
                border=True, height="content" if several_cases else _HEIGHT, gap="xsmall", key="compare_detail"
            ):
                detail(database, comparison, *cell)
    with st.expander("As a table, or Markdown to copy", key="compare_table", on_change="rerun") as table:
        if table.open:
            tables.matrix_table(
                len(comparison),
                columns,
                matrix_lines,
                corner,
                lambda count: reading.read_rows(database, comparison, 0, count)[1],
            )
    view_state.write_address(comparison.facts.run_id, selected)
