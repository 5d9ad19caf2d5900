"""Tokens: what does a model see of a text, and what does it cost?"""

import streamlit as st

from promptgrid.ui.shell.page import open_page
from promptgrid.ui.tokens import state as tokens_state
from promptgrid.ui.tokens.views import body
from promptgrid.ui.widgets.explain import explain

open_page("Tokens")
tokens_state.start()
with st.container(horizontal=True, vertical_alignment="bottom", key="tokens_top"):
    tokens_state.tokenizers()
    tokens_state.load()
body()
explain("tokens")
