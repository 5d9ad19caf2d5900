"""Compare: what differs between the variants of a run, and is it real?"""

import streamlit as st

from promptgrid import compare
from promptgrid.ui import compare_controls, compare_run, compare_tables, compare_view, open_page
from promptgrid.ui.compare_answers import answers
from promptgrid.ui.compare_checks import checks_popover
from promptgrid.ui.compare_export import export_popover
from promptgrid.ui.compare_runs import runs_popover, two_runs
from promptgrid.ui.state import database

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
        export_popover(database(), run, compare_run.positions(arranged))

if before is not None:
    two_runs(database(), before, run)
    st.stop()

compare_controls.chips(shown, arranged.counts)
compare_run.watch_run(database(), run)
answers(database(), arranged, shown.side)

st.subheader("Summary")
summaries = compare.summarise(found, shown.view)
compare_tables.summary_table(summaries)
compare_tables.sentences(summaries)
