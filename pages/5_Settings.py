"""Settings: which endpoints, models and folders does Promptgrid use?"""

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.ui.settings import endpoints, machine
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback

page.open_page("Settings")

left, right = st.columns(2, gap="large")
for column, sections in (
    (left, (endpoints.endpoints, endpoints.where_keys_go, machine.refused_parameters)),
    (right, (machine.builtin_model, machine.data, machine.health)),
):
    with column:
        for section in sections:
            try:
                section()
            except PromptgridError as error:
                feedback.show_error(error)
