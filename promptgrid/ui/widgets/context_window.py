"""The context window of a prompt or a conversation: what fills the window, and what a smaller one cuts first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from promptgrid import tokens
from promptgrid.humanize import many
from promptgrid.prompt import Api, Message
from promptgrid.techniques import PromptPart, Turn
from promptgrid.tokens import POLICIES, POLICY_WORDS, TurnWindow
from promptgrid.tokens.context import units
from promptgrid.ui.server import token_counter
from promptgrid.ui.widgets.fields import number_field
from promptgrid.ui.widgets.token_bar import token_bar

SMALLEST = 32  # tokens
UNKNOWN_LARGEST = 1 << 20  # tokens: the top of the slider for a model without a known limit
_NOUNS: Mapping[PromptPart, str] = {
    "system": "system message",
    "examples": "example",
    "retrieved": "retrieved text",
    "history": "turn",
    "question": "question",
}


def context_view(turns: Sequence[Turn], model_ref: str, reserve: int, *, key: str, api: Api = "chat") -> None:
    """Draws how `turns` fill the model's context window, below fields for the limit, the room for the reply and a
    retrieved text.

    `reserve` is the initial room for the reply, in tokens.
    """
    model_limit = tokens.context_limit(model_ref)
    with st.container(horizontal=True, key=f"{key}_tried", vertical_alignment="bottom"):
        limit = limit_slider(model_limit, key=f"{key}_limit")
        room = number_field("Room for the reply, in tokens", 0, key=f"{key}_reserve", value=reserve, step=16, width=200)
    if room < 0:
        return
    text = st.text_area("Retrieved text to try; it goes before the question", key=f"{key}_retrieved", height=68)
    turns_to_send = _with_retrieved(turns, text or "")
    count = token_counter(model_ref)
    windows = {policy: tokens.window(turns_to_send, count, int(room), limit, policy, api=api) for policy in POLICIES}
    whole = windows[POLICIES[0]].whole
    token_bar(whole.parts, whole.limit, whole.reserve, whole.exact, whole.reason, key=f"{key}_bar")
    st.caption(free_space(windows[POLICIES[0]]))
    if any(window.cut for window in windows.values()):
        rows = [{"when it is full": POLICY_WORDS[name], **_row(turns_to_send, each)} for name, each in windows.items()]
        widths = {"when it is full": 220, "tokens sent": 90, "is cut": 360}
        config = {name: st.column_config.Column(width=width) for name, width in widths.items()}
        st.dataframe(rows, hide_index=True, column_config=config, key=f"{key}_policies")


def limit_slider(
    model_limit: int | None, start: int | None = None, *, key: str, on_change: Callable[[], None] | None = None
) -> int | None:
    """Draws the slider for the context limit and returns its value in tokens. It goes up to `model_limit` (None:
    unknown) and starts at `start`, or at that limit. Returns None if the limit is unknown."""
    options = [*_limits(model_limit), model_limit]
    start = start if start in options else model_limit
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]  # the value belongs to another model

    def label(limit: int | None) -> str:
        return "not known" if limit is None else f"{limit:,} (the model's)" if limit == model_limit else f"{limit:,}"

    title = "Limit of prompt and reply, in tokens"
    return st.select_slider(title, options, start, key=key, format_func=label, on_change=on_change)


def _limits(model_limit: int | None) -> list[int]:
    """Returns the values of the slider in tokens, ascending: powers of two and the values halfway between them, all
    below the model's limit (None: unknown)."""
    top = model_limit or UNKNOWN_LARGEST
    powers = [SMALLEST << n for n in range(top.bit_length())]
    return [limit for power in powers for limit in (power, power * 3 // 2) if limit < top]


def free_space(window: TurnWindow) -> str:
    """Returns in words how many tokens are left in the window, and how many more examples or exchanges (a question with
    its reply) would fit."""
    budget = window.budget
    if budget.limit is None:
        return "The limit of this model is not known."
    if not budget.fits:
        return f"What cannot be cut is {budget.total + budget.reserve - budget.limit:,} tokens over the limit."
    parts = [
        f"{many(count, f'more {noun}')} of this length fit"
        for count, noun in ((budget.more_examples, "example"), (budget.more_turns, "exchange"))
        if count is not None
    ]
    left = budget.limit - budget.total - budget.reserve
    return " · ".join([f"{left:,} tokens are left", *parts])


def cut_parts(turns: Sequence[Turn], window: TurnWindow) -> str:
    """Returns what does not fit in the window, such as `2 examples and 3 turns`; "" if everything fits."""
    counts = Counter[PromptPart]()
    for unit in units(turns):
        if unit[0] in window.cut:
            part = turns[unit[0]].part
            counts[part] += len(unit) if part == "history" else 1  # the two turns of an example count once
    return " and ".join(many(count, _NOUNS[part]) for part, count in counts.items())


def _row(turns: Sequence[Turn], window: TurnWindow) -> Mapping[str, str | int]:
    cut = cut_parts(turns, window) or "nothing"
    return {
        "tokens sent": window.budget.total,
        "is cut": cut if window.budget.fits else f"too long, even without {cut}",
    }


def _with_retrieved(turns: Sequence[Turn], text: str) -> list[Turn]:
    """Returns the turns with `text` as a separate message before the question, as most programs place such a text."""
    if not text.strip():
        return list(turns)
    at = next((i for i, turn in enumerate(turns) if turn.part == "question"), len(turns))
    return [*turns[:at], Turn(Message("user", text), "retrieved"), *turns[at:]]
