"""Cases: can this table decide between prompts?"""

import streamlit as st

from promptgrid.ui.cases import proposals, review
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.feedback import showing_errors

open_page("Cases")
path = review.table_field()
run_ids = review.runs_field(database(), path)
with showing_errors():
    with st.spinner("Reading the table …"):
        about = review.reviewed(database(), path, run_ids)
    review.show_review(about)
    proposals.propose_fields(database(), about, path)
    proposals.show_proposals(database(), path, about.cases)
