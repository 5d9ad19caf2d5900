"""Settings: endpoints and where a key goes, what models refused, the built-in model, the data, what is missing."""

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.ui import settings as settings_view
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback

page.open_page("Settings")

left, right = st.columns(2, gap="large")
for column, sections in (
    (left, (settings_view.endpoints, settings_view.where_keys_go, settings_view.refused_parameters)),
    (right, (settings_view.builtin_model, settings_view.data, settings_view.health)),
):
    with column:
        for section in sections:
            try:
                section()
            except PromptgridError as error:
                feedback.show_error(error)
