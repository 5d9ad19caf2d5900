"""Chat: what does the model remember, and what does it say? Turns on the left, variants and memory on the right."""

import streamlit as st

from promptgrid import chat, ui
from promptgrid.errors import PromptgridError
from promptgrid.ui import chat_header, chat_state
from promptgrid.ui.chat_side import side
from promptgrid.ui.chat_talk import talk

ui.open_page("Chat")
try:
    found = chat_state.opened()
except PromptgridError as error:
    chat_header.header(None, None)
    ui.show_error(error)
    st.stop()
if found is None:
    chat_header.header(None, None)
    chat_header.notices()
    chat_header.nothing_yet()
    st.stop()

conversation, asked = found
settings = chat.from_json(conversation.settings)
chat_header.header(conversation, settings)
chat_header.notices()
chat_header.deleted_note(conversation)
left, right = st.columns([13, 6], gap="medium")
with right:
    shown, place = side(conversation, settings)
with left:
    talk(conversation, settings, shown, place, asked)
    chat_header.other_branch(conversation, shown)
