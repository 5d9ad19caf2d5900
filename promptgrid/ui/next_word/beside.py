"""The next token by the base and by a tuned model, side by side."""

from __future__ import annotations

import math

import streamlit as st

from promptgrid import builtin, nextword
from promptgrid.connections import BUILTIN
from promptgrid.nextword import Prediction
from promptgrid.ui.next_word import state
from promptgrid.ui.next_word.bars import label, percent
from promptgrid.ui.widgets.feedback import show_error

CHOICE, SHOWN = "next_beside", 12


def beside(prediction: Prediction) -> None:
    """Draws the choice of another model of the built-in endpoint, at first the base of a tuned one, and its chances
    beside those of the `prediction`. Draws nothing while there are no tuned models."""
    current = state.model()
    others = [ref for ref in (f"{BUILTIN}/{name}" for name in builtin.names()) if ref != current]
    if not current.startswith(f"{BUILTIN}/") or not others:
        return
    st.subheader("Base and tuned side by side", help="How a tuning has moved the chances of the next token")
    index = others.index(base) if "+" in current and (base := current.rpartition("+")[0]) in others else None
    other = st.selectbox("Beside", others, index=index, key=CHOICE, placeholder="Choose a model")
    call, at = state.call_of("beside"), state.place()
    if other is None:
        return
    if call is None or call.about != (other, at):
        state.start("beside", lambda client: nextword.predict(client, at), (other, at), other)
        st.rerun()  # the element that polls for progress has been drawn before
    if call is None or not call.items:
        st.caption("Reading the text …")
        if call is not None and isinstance(call.error, Exception):
            show_error(call.error)
        return
    st.dataframe(
        beside_rows(prediction, call.items[0], current.rpartition("/")[2], other.rpartition("/")[2]), hide_index=True
    )


def beside_rows(first: Prediction, second: Prediction, first_name: str, second_name: str) -> list[dict[str, str]]:
    """Returns a row for each of the tokens that are likeliest to either model, with its chances by both; an empty
    chance is that of a token that the model has not listed."""
    chances = [{token.id: token for token in each.chances.tokens} for each in (first, second)]
    tokens = {token.id: token for each in (first, second) for token in each.chances.tokens[:SHOWN]}
    columns = dict(zip((first_name, second_name), chances, strict=True))

    def chance(name: str, token_id: int | None) -> float:
        token = columns[name].get(token_id)
        return math.exp(token.logprob) if token is not None else 0.0

    likeliest = sorted(tokens, key=lambda one: -max(chance(name, one) for name in columns))[:SHOWN]
    return [
        {"token": label(tokens[one].data)["label"]}
        | {name: percent(chance(name, one)) if one in columns[name] else "" for name in columns}
        for one in likeliest
    ]
