"""History: what was run, what did it answer, and what did it cost?"""

import streamlit as st

from promptgrid.ui.history import answers, costs, runs, scores
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page

open_page("History")
wanted = answers.search_field()
if wanted:
    answers.matches(database(), wanted)
    st.stop()

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Runs")
    runs.marked_runs(database())
with right:
    st.subheader("Scores over time")
    scores.scores_of_prompt(database())
    st.subheader("Costs")
    costs.costs_table(database())
