"""Draws the components of the Next word page: bars for the likeliest tokens, and tokens in a row."""

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
SURE_BITS, ODD_BITS = 0.5, 10.0  # the surprise at which the colour of a token starts, and is full

Sliders = tuple[float, float]
START: Sliders = (1.0, 1.0)


def sliders(key: str) -> Sliders:
    """Returns (temperature, top_p) of the sliders beside the bars with this key."""
    values = (st.session_state.get(key) or {}).get("sliders")
    return (float(values[0]), float(values[1])) if values else START


def token_bars(
    key: str,
    prediction: Prediction,
    *,
    on_choose: Callable[[int], None],
    counted: tuple[Sliders, TokenTally] | None = None,
    text_only: bool = False,
) -> None:
    """Draws bars for the likeliest tokens; sliders for temperature and top_p reshape the bars in the browser.

    `on_choose` receives the number of a token that the user presses. `counted` is (slider values, how often the samples
    drawn with these values have each token): the counts appear only while the sliders have these values. With
    `text_only`, a token that has only a part of a character cannot be pressed.
    """
    tokens = prediction.chances.tokens

    def on_press() -> None:
        number = st.session_state[key].get("chosen")
        if number is not None and 0 <= int(number) < len(tokens):
            on_choose(int(number))

    data = {
        "look": f"{prediction.place.text}/{len(prediction.place.trail)}/{prediction.reply.latency_ms}",
        "logprobs": [round(token.logprob, 5) for token in tokens],
        "rest": prediction.chances.rest,
        "vocabulary": len(tokens) if prediction.chances.rest < 1e-3 else VOCABULARY,
        "rows": [
            {
                **label(token.data),
                "id": token.id,
                "makes": nextword.completed_character(prediction.place.added, token.data),
                "barred": text_only and not nextword.is_whole(token.data),
            }
            for token in tokens[:SHOWN]
        ],
        "start": sliders(key),
        "samples": _samples(counted),
    }
    component("token_bars")(
        key=key, data=data, on_sliders_change=lambda: None, on_chosen_change=on_press, default={"sliders": list(START)}
    )


def token_row(key: str, before: str, steps: Sequence[TokenStep], *, empty: str = "") -> None:
    """Draws the tokens `steps`, which follow the text `before`, in a row (without tokens, the text `empty`). A more
    surprising token has a stronger colour.

    Hovering over or pressing a token shows its probability and the likeliest alternatives.
    """
    data = {
        "before": before,
        "tokens": [_token(step) for step in steps],
        "empty": empty,
        "reads": _reads(before, steps),
    }
    component("token_row")(key=key, data=data)


def label(data: bytes) -> dict[str, Any]:
    """Returns {label, half} of a token for the browser. `half` is whether the token contains a part of a character;
    then `label` is its bytes as hexadecimal numbers, otherwise its text."""
    half = not nextword.is_whole(data)
    return {"label": data.hex(" ").upper() if half else nextword.token_label(data), "half": half}


def percent(probability: float) -> str:
    """Returns the probability as a percentage with two or three significant digits: `53.8 %`, `5.4 %`, `0.004 %`."""
    if probability >= 0.0995:
        return f"{100 * probability:.1f} %"
    return f"{100 * probability:.2g} %" if probability > 1e-6 else "< 0.0001 %"


def _samples(counted: tuple[Sliders, TokenTally] | None) -> dict[str, Any] | None:
    if counted is None:
        return None
    values, tally = counted
    return {
        "sliders": list(values),
        "drawn": tally.draws,
        "counts": list(tally.counts[:SHOWN]),
        "within": list(tally.within[:SHOWN]),
        "unknown": tally.unknown,
    }


def _token(step: TokenStep) -> dict[str, Any]:
    base = {**label(step.data), "id": step.id, "shade": 0.0, "said": "no probability reported", "likely": []}
    if step.logprob is None:
        return base
    surprise = nextword.bits(step.logprob)
    return base | {
        "shade": max(0.0, min(1.0, (surprise - SURE_BITS) / (ODD_BITS - SURE_BITS))),
        "said": f"{percent(math.exp(step.logprob))} · {surprise:.1f} bits of surprise",
        "likely": [
            {**label(other.data), "said": percent(math.exp(other.logprob))}
            for other in step.likely
            if (other.id, other.data) != (step.id, step.data)
        ][:5],
    }


def _reads(before: str, steps: Sequence[TokenStep]) -> str:
    """Returns `before` and all tokens as one text if a token contains only part of a character, so that the reader sees
    the character; otherwise "". An incomplete character at the end becomes �."""
    if all(nextword.is_whole(step.data) for step in steps):
        return ""
    return b"".join([before.encode("utf-8", "replace"), *(step.data for step in steps)]).decode("utf-8", "replace")
