"""The part of the Next word page on beam search: the tree of beams, and the same text greedily and by samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from promptgrid import nextword
from promptgrid.errors import PromptgridError
from promptgrid.humanize import log_probability, many, text_probability
from promptgrid.nextword import BeamNode, BeamStep, ModelClient, WholeText
from promptgrid.nextword.beams import SAMPLES
from promptgrid.ui.next_word import state
from promptgrid.ui.next_word.bars import label, percent
from promptgrid.ui.next_word.state import BackgroundCall
from promptgrid.ui.widgets.component import component
from promptgrid.ui.widgets.fields import parameter_field

WIDTHS = (2, 3, 4, 6, 8)
_WAYS = {"beam": "Beam", "greedy": "Greedy", "sample": "Sample"}


def search_fields() -> None:
    """Draws the fields of a search; `state.start_beams` reads them."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="next_search"):
        st.selectbox("Beams", WIDTHS, index=WIDTHS.index(4), key="next_beams_width", width=110)
        penalty = "0 ranks the texts by their probability, 1 by that of a token; more favours long texts."
        parameter_field("length_penalty", key="next_beams_penalty", value=1.0, step=0.5, width=150, help=penalty)
        early = "Ends the search as soon as it has as many ended texts as beams."
        st.checkbox("Early stop", key="next_beams_early", help=early)


def calls_label() -> str:
    """Returns the label of the button, with the number of calls that it sends."""
    what = f"Compare beams, greedy and {SAMPLES} samples"
    with suppress(PromptgridError):  # the page shows the error above
        return f"{what} · {nextword.calls_of_comparison(ModelClient(state.model()))} calls"
    return what


def progress_line(call: BackgroundCall[Any] | None) -> str:
    """Returns in words how far the search has come, or how long everything took."""
    if call is None:
        return "What the likeliest whole text is, and how far greedy and sampled texts are from it."
    steps, texts = _parts(call)
    if not call.running:
        return f"{many(len(steps), 'step')} of the search; {call.took:.1f} s for everything." if texts else ""
    if not texts:
        return f"Step {len(steps) + 1} of at most {state.WRITTEN} …"
    return f"{sum(text.way != 'beam' for text in texts)} of {1 + SAMPLES} other texts …"


def draw_beams(call: BackgroundCall[Any] | None) -> None:
    """Draws the tree as far as the search has come, and the texts that have arrived."""
    if call is None or not call.items:
        return
    steps, texts = _parts(call)
    data = {
        "before": call.about.whole_text() if nextword.is_whole(call.about.added) else call.about.text,
        "nodes": [_node(node) for node in nextword.beam_tree(steps)],
        "texts": _cards(texts),
    }
    component("beam_tree")(key="next_beam_tree", data=data)
    st.caption(
        "The number at the end of a beam is the log probability of its whole text: −2.3 is one in 10, −4.6 one in 100. "
        "Grey beams were cut: others were likelier at that step."
    )


def _parts(call: BackgroundCall[Any]) -> tuple[list[BeamStep], list[WholeText]]:
    items = list(call.items)
    steps = [item for item in items if isinstance(item, BeamStep)]
    return steps, [item for item in items if isinstance(item, WholeText)]


def _node(node: BeamNode) -> dict[str, Any]:
    said = "" if node.children and node.rank is None else log_probability(node.logprob)
    return {
        "tokens": [{**label(token.data), "said": percent(math.exp(token.logprob))} for token in node.tokens],
        "cut": node.cut,
        "best": node.rank == 1,
        "said": f"{node.rank} · {said}" if node.rank else said,
        "children": [_node(child) for child in node.children],
    }


def _cards(texts: Sequence[WholeText]) -> list[dict[str, Any]]:
    """Returns the best beam, the greedy text and the samples, the likeliest sample first."""
    beams = [text for text in texts if text.way == "beam"][:1]
    samples = sorted((t for t in texts if t.way == "sample"), key=lambda t: -(t.logprob or -math.inf))
    rows = [*beams, *(text for text in texts if text.way == "greedy"), *samples]
    return [
        {
            "way": f"{_WAYS[text.way]}{' 1' if text.way == 'beam' else ''}",
            "text": text.text,
            "said": text_probability(text.logprob, text.tokens),
            "best": text.way == "beam",
        }
        for text in rows
    ]
