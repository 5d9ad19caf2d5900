"""Compose: what will be sent? The template on the left, the exact messages on the right, one try beneath them."""

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.ui.compose import header
from promptgrid.ui.compose import state as compose_state
from promptgrid.ui.compose.editor import editor
from promptgrid.ui.compose.preview import preview
from promptgrid.ui.compose.try_once import chosen_model, try_once
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback

page.open_page("Compose")
name = compose_state.chosen_name()
if not name:
    if feedback.empty_state("There is no prompt yet.", "Write the first one", "compose_first"):
        compose_state.create("untitled")
        st.rerun()
    st.stop()
st.query_params["prompt"] = name
try:
    compose_state.open_prompt(name)
except PromptgridError as error:
    header.only_choice(name)
    feedback.show_error(error)
    st.stop()

head = st.container()
left, right = st.columns([10, 11], gap="medium")
with left:
    editor()
compose_state.autosave(compose_state.fields())
with head:
    place = header.header(name)
    header.notices()
with right:
    preview(place, chosen_model())
    try_once()
