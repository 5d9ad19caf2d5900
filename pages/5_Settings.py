"""Settings: which endpoints, models and folders does Promptgrid use?"""

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.ui import settings
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback

page.open_page("Settings")

left, right = st.columns(2, gap="large")
for column, sections in (
    (left, (settings.endpoints, settings.where_keys_go, settings.refused_parameters)),
    (right, (settings.builtin_model, settings.data, settings.health)),
):
    with column:
        for section in sections:
            try:
                section()
            except PromptgridError as error:
                feedback.show_error(error)
