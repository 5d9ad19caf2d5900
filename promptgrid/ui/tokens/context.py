"""The view Context: shows what fills the context window for a prompt, and what a smaller window cuts first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid import techniques
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.techniques import TECHNIQUES
from promptgrid.tokens import ENCODINGS
from promptgrid.ui.server import prompts
from promptgrid.ui.widgets.context_window import context_view
from promptgrid.ui.widgets.messages import turn_list

_MESSAGES_HEIGHT = 260  # px
_PROMPT, _TECHNIQUE = "tokens_context_prompt", "tokens_context_technique"


def context(refs: Sequence[str]) -> None:
    """Draws the messages that a prompt of the library sends, and how they fill the context window of the first model in
    `refs` (if it has none, of the default model)."""
    library = prompts()
    if not library:
        st.caption("The library has no prompts yet. Write one on Compose.")
        return
    model = next((ref for ref in refs if ref not in ENCODINGS), DEFAULT_MODEL)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        prompt = library[st.selectbox("Prompt", list(library), key=_PROMPT, width=340)]
        available = [name for name in TECHNIQUES if not techniques.unavailable(prompt, name)]
        default = available.index("few-shot") if "few-shot" in available else 0
        technique = st.selectbox("Technique", available, default, key=f"{_TECHNIQUE}_{prompt.name}", width=200)
    turns = techniques.build_turns(prompt, prompt.example_values, technique)
    reserve = int(prompt.parameters.max_tokens or 0)
    sent, budget = st.columns(2, gap="medium")
    with sent:
        turn_list(turns, height=_MESSAGES_HEIGHT, key="tokens_context_messages")
    with budget:
        context_view(turns, model, reserve, key="tokens_context", api=prompt.api)
