"""Tune: teach the built-in model what a prompt has to say each time, or make the data for another trainer."""

import streamlit as st

from promptgrid.tuning import jobs
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.tune import files, models, training
from promptgrid.ui.widgets.undo import undo_note

open_page("Tune")
undo_note(models.PAGE)
tuning_tab, runs_tab, file_tab = st.tabs(["Tune the built-in model", "Data from runs", "Check a file"])
with tuning_tab:
    training.start_form(database())
    if listed := jobs.jobs():
        training.job_panel(listed[0])
    models.model_list()
with runs_tab:
    files.from_runs(database())
with file_tab:
    files.uploaded()
