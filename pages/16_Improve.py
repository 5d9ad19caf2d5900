"""Improve: is there a better prompt, and is it better?"""

import streamlit as st

from promptgrid.ui.improve import fields, progress
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.feedback import showing_errors

open_page("Improve")
st.caption(
    "A model rewrites the prompt from its failures. Candidates race on some of the cases, and the best one meets the"
    " original once, on cases that chose nothing."
)
with showing_errors():
    settings = fields.settings_fields(database())
    progress.begin_button(database(), settings)
    progress.show_search(database(), settings)
