"""Chat: what does the model remember, and what does it say? Turns on the left, variants and memory on the right."""

import streamlit as st

from promptgrid import chat
from promptgrid.errors import PromptgridError
from promptgrid.ui.chat import actions, header
from promptgrid.ui.chat.talk import talk
from promptgrid.ui.chat.variants import side
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback

page.open_page("Chat")
try:
    found = actions.opened()
except PromptgridError as error:
    header.header(None, None)
    feedback.show_error(error)
    st.stop()
if found is None:
    header.header(None, None)
    header.notices()
    header.nothing_yet()
    st.stop()

conversation, asked = found
settings = chat.from_json(conversation.settings)
header.header(conversation, settings)
header.notices()
header.deleted_note(conversation)
left, right = st.columns([13, 6], gap="medium")
with right:
    shown, place = side(conversation, settings)
with left:
    talk(conversation, settings, shown, place, asked)
    header.other_branch(conversation, shown)
