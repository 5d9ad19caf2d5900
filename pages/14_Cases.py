"""Cases: can this table decide between prompts?"""

import streamlit as st

from promptgrid.ui import cases
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.feedback import showing_errors

open_page("Cases")
path = cases.table_field()
run_ids = cases.runs_field(database(), path)
with showing_errors(), st.spinner("Reading the table …"):
    cases.show_review(cases.reviewed(database(), path, run_ids))
