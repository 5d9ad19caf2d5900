"""Compare: what differs between the variants of a run, and is it real?"""

import streamlit as st

from promptgrid import compare
from promptgrid.ui import compare_cells, compare_controls, compare_run, compare_tables, compare_view, matrix, open_page
from promptgrid.ui.compare_checks import checks_popover
from promptgrid.ui.compare_detail import detail
from promptgrid.ui.compare_export import export_popover
from promptgrid.ui.compare_runs import runs_popover, two_runs
from promptgrid.ui.state import database

HEIGHT = 620

open_page("Compare")
compare_view.start()
with st.container(horizontal=True, vertical_alignment="center", key="compare_top"):
    run = compare_run.choose_run(database())
    before = runs_popover(database(), run)
    if before is None:
        found = compare_run.read_facts(database(), run)
        shown = compare_view.current(found)
        arranged = compare_run.arrange(database(), found, shown.view)
        compare_controls.layout_popover(found, shown)
        compare_controls.sort_popover(shown)
        compare_controls.filter_popover(found, shown)
        checks_popover(database(), run)
        export_popover(database(), run, arranged.positions())

if before is not None:
    two_runs(database(), before, run)
    st.stop()

compare_controls.chips(shown, arranged.counts)
compare_run.watch_run(database(), run)

pages = compare_view.pages_of(len(arranged), len(arranged.columns))
rows, drawn = compare_run.read_rows(database(), arranged, pages.start, pages.rows)
summaries = compare.summarise(found, shown.view)
columns = compare_cells.columns(arranged, summaries)
with st.container(horizontal=True, key="compare_beside"):
    with st.container(key="compare_answers"):
        selected = matrix(
            compare_view.MATRIX,
            columns=columns,
            rows=drawn,
            selected=compare_view.start_selection(),
            height=HEIGHT,
            find=compare_view.FIND,
            corner=shown.side,
            on_sort=compare_view.sort_by,
            on_turn=lambda row_id, column_id, by: compare_view.turn(arranged, row_id, column_id, by),
        )
        compare_controls.turn_pages(pages)
    if selected and (cell := compare_run.cell_of(rows, selected)):
        tall = "content" if cell[1].cases > 1 else HEIGHT
        with st.container(border=True, height=tall, gap="xsmall", key="compare_detail"):
            detail(database(), found, arranged, *cell)

st.subheader("Summary")
compare_tables.summary_table(summaries)
compare_tables.sentences(summaries)
with st.expander("The matrix as a table", key="compare_table", on_change="rerun") as table:
    if table.open:
        compare_tables.matrix_table(columns, drawn, shown.side)
compare_view.remember(run.id, selected)
