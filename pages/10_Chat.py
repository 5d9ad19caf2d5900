"""Chat: what does the model remember, and what does it answer?"""

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
    opened = actions.open_conversation()
except PromptgridError as error:
    header.header(None, None)
    feedback.show_error(error)
    st.stop()
if opened is None:
    header.header(None, None)
    header.notices()
    header.first_conversation()
    st.stop()

conversation, in_flight = opened
settings = chat.from_json(conversation.settings)
header.header(conversation, settings)
header.notices()
header.conversation_notes(conversation)
left, right = st.columns([13, 6], gap="medium")
with right:
    variant, place = side(conversation, settings)
with left:
    talk(conversation, settings, variant, place, in_flight)
    header.other_branch(conversation, variant)
