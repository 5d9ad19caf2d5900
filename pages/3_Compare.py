"""Compare: what differs between the variants of a run, and is it real?"""

import streamlit as st

from promptgrid import compare
from promptgrid.store.across.parts import parts_of_run
from promptgrid.ui.compare import controls, reading, tables, view_state
from promptgrid.ui.compare.actions import new_case_popover
from promptgrid.ui.compare.answers import answers
from promptgrid.ui.compare.checks import checks_popover
from promptgrid.ui.compare.export import export_popover
from promptgrid.ui.compare.retrieval.tables import retrieval_table
from promptgrid.ui.compare.two_runs import runs_popover, two_runs
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets import follow_run
from promptgrid.ui.widgets.summary_table import summary_table

open_page("Compare")
view_state.start()
with st.container(horizontal=True, vertical_alignment="center", key="compare_top"):
    run = reading.choose_run(database())
    before = runs_popover(database(), run)
    if before is None:
        facts = reading.read_facts(database(), run)
        state = view_state.current(facts)
        comparison = reading.arrange(database(), facts, state.view)
        controls.layout_popover(facts, state)
        controls.sort_popover(state)
        controls.filter_popover(facts, state, list(parts_of_run(database(), run.id)))
        checks_popover(database(), run)
        new_case_popover(database(), run)
        export_popover(database(), run, reading.positions(comparison))

if before is not None:
    two_runs(database(), before, run)
    st.stop()

controls.chips(state, comparison.counts, reading.checks_of(database(), facts))
reading.show_openings(database(), run, facts)
follow_run.watch_run(database(), run)
answers(database(), comparison, state.side)

st.subheader("Summary")
summaries = compare.summarise(facts, state.view)
summary_table(summaries)
tables.sentences(summaries)
tables.copies(facts)
retrieval_table(database(), facts, state.view)
tables.worth_table(database(), facts, state.view)
