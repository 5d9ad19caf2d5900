"""Compare: what differs between the variants of a run, and is it real?"""

import streamlit as st

from promptgrid.ui import compare_cells, compare_run, compare_tables, compare_view, matrix, open_page
from promptgrid.ui.compare_detail import detail
from promptgrid.ui.compare_export import export_popover
from promptgrid.ui.state import database

HEIGHT = 620

open_page("Compare")
compare_view.start()
with st.container(horizontal=True, vertical_alignment="center", key="compare_top"):
    run = compare_run.choose_run(database())
    found, summaries = compare_run.read_matrix(database(), run)
    shown = compare_view.columns_popover(found)
    chosen = compare_view.filter_popover(shown)
    view = compare_view.view_of(shown, chosen)
    export_popover(database(), run, view.positions())

compare_view.chips(chosen.counts(shown))
compare_run.watch_run(database(), run)

with st.container(horizontal=True, key="compare_beside"):
    with st.container(key="compare_answers"):
        selected = matrix(
            compare_view.MATRIX,
            columns=compare_cells.columns(summaries, shown),
            rows=compare_cells.rows(shown, view.on_page),
            selected=compare_view.start_selection(),
            height=HEIGHT,
            find="compare_find",
        )
        compare_view.pages(view)
    if selected:
        case = next(case for case in view.on_page if case.case_id == selected[0])
        with st.container(border=True, height=HEIGHT, gap="xsmall", key="compare_detail"):
            detail(database(), run.id, view, case, case.entries[selected[1]])

st.subheader("Summary")
compare_tables.summary_table([s for s in summaries if s.variant in shown.variants])
with st.expander("The matrix as a table", key="compare_table", on_change="rerun") as table:
    if table.open:
        compare_tables.matrix_table(shown, view.on_page)
compare_view.remember(run.id, selected)
