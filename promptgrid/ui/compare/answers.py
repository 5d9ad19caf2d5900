"""The matrix of the Compare page with the detail of the selected cell: what most presses change, drawn by itself."""

from __future__ import annotations

from functools import partial

import streamlit as st

from promptgrid import compare
from promptgrid.compare import Arranged
from promptgrid.store import Database
from promptgrid.ui.compare import controls, reading, tables, view_state
from promptgrid.ui.compare.cells import matrix_columns
from promptgrid.ui.compare.detail import detail
from promptgrid.ui.compare.matrix import MatrixRow, matrix

_HEIGHT = 620


@st.fragment
def answers(database: Database, arranged: Arranged, corner: str) -> None:
    """Draws a page of the rows and the selected cell, and puts both into the address; `corner` says what rows are.

    A press that changes what the rest of the page shows asks for the whole page.
    """
    if view_state.whole_page_wanted():
        st.rerun()
    pages = view_state.pages_of(len(arranged), len(arranged.columns))
    rows, drawn = reading.read_rows(database, arranged, pages.start, pages.rows)
    columns = matrix_columns(arranged, compare.summarise(arranged.facts, arranged.view))
    with st.container(horizontal=True, key="compare_beside"):
        with st.container(key="compare_answers"):
            selected = matrix(
                view_state.MATRIX,
                columns=columns,
                rows=drawn,
                selected=view_state.start_selection(),
                height=_HEIGHT,
                find=view_state.FIND,
                corner=corner,
                on_sort=view_state.sort_by,
                on_turn=lambda row_id, column_id, by: view_state.turn(arranged, row_id, column_id, by),
            )
            controls.turn_pages(pages)
        if selected and (cell := reading.cell_of(rows, selected)):
            pooled = cell[1].cases > 1  # there is little to say of it
            with st.container(border=True, height="content" if pooled else _HEIGHT, gap="xsmall", key="compare_detail"):
                detail(database, arranged, *cell)
    with st.expander("As a table, or Markdown to copy", key="compare_table", on_change="rerun") as table:
        if table.open:
            first = partial(_first, database, arranged)
            tables.matrix_table(len(arranged), columns, drawn, corner, first)
    view_state.remember(arranged.facts.run_id, selected)


def _first(database: Database, arranged: Arranged, count: int) -> list[MatrixRow]:
    """The first rows of all that are shown, on whatever page."""
    return reading.read_rows(database, arranged, 0, count)[1]
