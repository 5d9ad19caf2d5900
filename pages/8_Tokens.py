"""Tokens: what does a model see of a text, and what does it cost?"""

import streamlit as st

from promptgrid.ui import open_page, tokens_state
from promptgrid.ui.explain import explain
from promptgrid.ui.tokens_view import body

open_page("Tokens")
tokens_state.start()
with st.container(horizontal=True, vertical_alignment="bottom", key="tokens_top"):
    tokens_state.tokenizers()
    tokens_state.load()
body()
explain("tokens")
