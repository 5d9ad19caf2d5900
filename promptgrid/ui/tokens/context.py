"""The context budget of a prompt: what fills the model's window, and what would be cut first in a smaller one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid import techniques
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.techniques import TECHNIQUES
from promptgrid.tokens import ENCODINGS
from promptgrid.ui.server import library
from promptgrid.ui.widgets.context_window import context_view
from promptgrid.ui.widgets.messages import message_list

_MESSAGES_HEIGHT = 260  # px
_PROMPT, _TECHNIQUE = "tokens_context_prompt", "tokens_context_technique"


def context(refs: Sequence[str]) -> None:
    """A prompt of the library as it is sent, in the window of the first model that is chosen above."""
    prompts = {entry.name: entry.prompt for entry in library().entries() if entry.prompt}
    if not prompts:
        st.caption("The library has no prompts yet: write one on Compose.")
        return
    model = next((ref for ref in refs if ref not in ENCODINGS), DEFAULT_MODEL)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        prompt = prompts[st.selectbox("Prompt", list(prompts), key=_PROMPT, width=340)]
        can = [name for name in TECHNIQUES if not techniques.unavailable(prompt, name)]
        usual = can.index("few-shot") if "few-shot" in can else 0
        technique = st.selectbox("Technique", can, usual, key=f"{_TECHNIQUE}_{prompt.name}", width=200)
    turns = techniques.build_turns(prompt, prompt.example_values, technique)
    reserve = int(prompt.parameters.max_tokens or 0)
    sent, budget = st.columns(2, gap="medium")
    with sent:
        marks = [f"example {turn.example}" if turn.example else turn.part for turn in turns]
        messages = [turn.message for turn in turns]
        message_list(messages, marks=marks, height=_MESSAGES_HEIGHT, key="tokens_context_messages")
    with budget:
        context_view(turns, model, reserve, key="tokens_context", api=prompt.api)
