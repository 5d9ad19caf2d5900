"""What the Next word page draws: the likeliest tokens as bars that the sliders reshape, and tokens in a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from promptgrid import nextword
from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword import VOCABULARY, Prediction, TokenTally
from promptgrid.ui.widgets.component import component

SHOWN = 15  # bars
SURE_BITS, ODD_BITS = 0.5, 10.0  # from which surprise on a token is coloured, and where the colour is full

Sliders = tuple[float, float]
START: Sliders = (1.0, 1.0)


def sliders(key: str) -> Sliders:
    """Temperature and top_p as they stand in the bars of that key."""
    chosen = (st.session_state.get(key) or {}).get("sliders")
    return (float(chosen[0]), float(chosen[1])) if chosen else START


def token_bars(
    key: str,
    seen: Prediction,
    *,
    on_choose: Callable[[int], None],
    counted: tuple[Sliders, TokenTally] | None = None,
    text_only: bool = False,
) -> None:
    """Draws the likeliest tokens of a look, with sliders for temperature and top_p that reshape them in the browser.

    `on_choose` is called with the number of a token that is pressed. `counted` are samples with the sliders they were
    drawn at: they are shown while the sliders stand there. `text_only`: half a character cannot be chosen.
    """
    tokens = seen.chances.tokens

    def chosen() -> None:
        number = st.session_state[key].get("chosen")
        if number is not None and 0 <= int(number) < len(tokens):
            on_choose(int(number))

    data = {
        "look": f"{seen.place.text}/{len(seen.place.trail)}/{seen.reply.latency_ms}",
        "logprobs": [round(token.logprob, 5) for token in tokens],
        "rest": seen.chances.rest,
        "vocabulary": len(tokens) if seen.chances.rest < 1e-3 else VOCABULARY,
        "rows": [
            {
                **label(token.data),
                "id": token.id,
                "makes": nextword.completed_character(seen.place.added, token.data),
                "barred": text_only and not nextword.is_whole(token.data),
            }
            for token in tokens[:SHOWN]
        ],
        "start": sliders(key),
        "samples": _samples(counted),
    }
    component("token_bars")(
        key=key, data=data, on_sliders_change=lambda: None, on_chosen_change=chosen, default={"sliders": list(START)}
    )


def token_row(key: str, before: str, steps: Sequence[TokenStep], *, empty: str = "") -> None:
    """Draws tokens one after the other behind the text `before`, the more surprising the stronger their colour.

    The one under the pointer, or pressed, shows its probability and what else was likely.
    """
    data = {
        "before": before,
        "tokens": [_token(step) for step in steps],
        "empty": empty,
        "reads": _reads(before, steps),
    }
    component("token_row")(key=key, data=data)


def label(data: bytes) -> dict[str, Any]:
    """How a token is written: text, or bytes where it is a part of a character."""
    half = not nextword.is_whole(data)
    return {"label": data.hex(" ").upper() if half else nextword.token_label(data), "half": half}


def percent(probability: float) -> str:
    """`53.8 %`, `0.004 %`: three digits that mean something, as long as they do."""
    if probability >= 0.0995:
        return f"{100 * probability:.1f} %"
    return f"{100 * probability:.2g} %" if probability > 1e-6 else "< 0.0001 %"


def _samples(counted: tuple[Sliders, TokenTally] | None) -> dict[str, Any] | None:
    if counted is None:
        return None
    at, found = counted
    return {
        "sliders": list(at),
        "drawn": found.drawn,
        "counts": list(found.counts[:SHOWN]),
        "within": list(found.within[:SHOWN]),
        "unknown": found.unknown,
    }


def _token(step: TokenStep) -> dict[str, Any]:
    told = {**label(step.data), "id": step.id, "shade": 0.0, "said": "no probability told", "likely": []}
    if step.logprob is None:
        return told
    surprise = nextword.bits(step.logprob)
    return told | {
        "shade": max(0.0, min(1.0, (surprise - SURE_BITS) / (ODD_BITS - SURE_BITS))),
        "said": f"{percent(math.exp(step.logprob))} · {surprise:.1f} bits of surprise",
        "likely": [
            {**label(other.data), "said": percent(math.exp(other.logprob))}
            for other in step.likely
            if (other.id, other.data) != (step.id, step.data)
        ][:5],
    }


def _reads(before: str, steps: Sequence[TokenStep]) -> str:
    """The whole as text, where parts of characters hide it; a character that is not complete as �."""
    if all(nextword.is_whole(step.data) for step in steps):
        return ""
    return b"".join([before.encode("utf-8", "replace"), *(step.data for step in steps)]).decode("utf-8", "replace")
