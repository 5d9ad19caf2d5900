"""Tokens: how does a model see a text, and what does it cost?"""

import streamlit as st

from promptgrid.ui.shell.page import open_page
from promptgrid.ui.tokens import state
from promptgrid.ui.tokens.views import body
from promptgrid.ui.widgets.explain import explain

open_page("Tokens")
state.start()
with st.container(horizontal=True, vertical_alignment="bottom", key="tokens_top"):
    state.tokenizers()
    state.load()
body()
explain("tokens")
