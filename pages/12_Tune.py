"""Tune: which data teaches a model what a prompt has to say each time?"""

import streamlit as st

from promptgrid.ui import tune
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page

open_page("Tune")
runs_tab, file_tab = st.tabs(["From runs", "Check a file"])
with runs_tab:
    tune.from_runs(database())
with file_tab:
    tune.uploaded()
