"""Compose: what will be sent?"""

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.ui import links
from promptgrid.ui.compose import header, opened, state
from promptgrid.ui.compose.editor import editor
from promptgrid.ui.compose.preview import preview
from promptgrid.ui.compose.try_once import selected_model, try_once
from promptgrid.ui.compose.values import values_record
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback, undo

page.open_page("Compose")
name = opened.name_to_open()
if not name:
    feedback.show_left_error("compose_error")
    undo.undo_note(state.UNDO)
    if feedback.empty_state("There is no prompt yet.", "Write the first one", "compose_first"):
        opened.create("untitled")
        st.rerun()
    st.stop()
links.set_parameter("prompt", name)
try:
    opened.open_prompt(name)
except PromptgridError as error:
    header.header_of_broken(name)
    feedback.show_error(error)
    st.stop()

head = st.container()
left, right = st.columns([10, 11], gap="medium")
with left:
    rule_place, tool_places = editor()
opened.autosave(state.fields(), values_record())
with head:
    place = header.header(name)
    header.notices()
with right, st.container(key="compose_right"):
    with st.container(key="compose_preview"):
        preview(place, rule_place, tool_places, selected_model())
    with st.container(key="compose_try_pane"):
        try_once()
