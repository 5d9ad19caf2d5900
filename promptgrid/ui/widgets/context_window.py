"""The context budget as a view of its own: what fills the window, what is cut first, and another limit to try."""

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
from promptgrid.ui.widgets.token_bar import token_bar

SMALLEST = 32  # tokens
UNKNOWN_LARGEST = 1 << 20  # what a model of unknown limit is tried up to
_NOUNS: Mapping[PromptPart, str] = {
    "system": "system message",
    "examples": "example",
    "retrieved": "retrieved text",
    "history": "turn",
    "question": "question",
}


def context_view(turns: Sequence[Turn], model_ref: str, reserve: int, *, key: str, api: Api = "chat") -> None:
    """Lets somebody try another limit, another room for the reply and a retrieved text on these turns.

    `reserve` is the room for the reply to start with, in tokens.
    """
    own = tokens.context_limit(model_ref)
    with st.container(horizontal=True, key=f"{key}_tried", vertical_alignment="bottom"):
        limit = choose_limit(own, key=f"{key}_limit")
        room = st.number_input(
            "Room for the reply", 0, value=reserve, step=16, key=f"{key}_reserve", help="In tokens.", width=150
        )
    text = st.text_area("Retrieved text to try, which stands before the question", key=f"{key}_retrieved", height=68)
    tried = _with_retrieved(turns, text or "")
    count = tokens.counter(model_ref)
    found = {policy: tokens.window(tried, count, int(room), limit, policy, api=api) for policy in POLICIES}
    whole = found[POLICIES[0]].whole
    token_bar(whole.parts, whole.limit, whole.reserve, whole.exact, whole.reason, key=f"{key}_bar")
    st.caption(what_fits(found[POLICIES[0]]))
    if any(one.cut for one in found.values()):
        rows = [{"when it is full": POLICY_WORDS[policy], **_row(tried, one)} for policy, one in found.items()]
        widths = {"when it is full": 220, "tokens sent": 90, "is cut": 360}
        config = {name: st.column_config.Column(width=width) for name, width in widths.items()}
        st.dataframe(rows, hide_index=True, column_config=config, key=f"{key}_policies")


def choose_limit(
    own: int | None, start: int | None = None, *, key: str, on_change: Callable[[], None] | None = None
) -> int | None:
    """The limit that is tried, in tokens; the model's `own` (None: not known) unless it starts with another one."""
    options = [*_limits(own), own]
    start = start if start in options else own
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]  # another model, another limit

    def shown(limit: int | None) -> str:
        return "not known" if limit is None else f"{limit:,} (the model's)" if limit == own else f"{limit:,}"

    label = "Limit of prompt and reply, in tokens"
    return st.select_slider(label, options, start, key=key, format_func=shown, on_change=on_change)


def _limits(own: int | None) -> list[int]:
    """Two steps for each doubling, below the model's own."""
    top = own or UNKNOWN_LARGEST
    powers = [SMALLEST << n for n in range(top.bit_length())]
    return [limit for power in powers for limit in (power, power * 3 // 2) if limit < top]


def what_fits(found: TurnWindow) -> str:
    """What is left in the window, as a sentence."""
    budget = found.budget
    if budget.limit is None:
        return "The limit of this model is not known."
    if not budget.fits:
        return f"Even what cannot be cut takes {budget.total + budget.reserve - budget.limit:,} tokens too many."
    parts = [
        f"{many(count, f'more {noun}')} of this length would fit"
        for count, noun in ((budget.more_examples, "example"), (budget.more_turns, "exchange"))
        if count is not None
    ]
    left = budget.limit - budget.total - budget.reserve
    return " · ".join([f"{left:,} tokens are left", *parts])


def what_is_cut(turns: Sequence[Turn], found: TurnWindow) -> str:
    """`2 examples and 3 turns`; empty where nothing is."""
    gone = Counter[PromptPart]()
    for unit in units(turns):
        if unit[0] in found.cut:
            part = turns[unit[0]].part
            gone[part] += len(unit) if part == "history" else 1  # an example is a question and its answer
    return " and ".join(many(count, _NOUNS[part]) for part, count in gone.items())


def _row(turns: Sequence[Turn], found: TurnWindow) -> Mapping[str, str | int]:
    said = what_is_cut(turns, found) or "nothing"
    return {
        "tokens sent": found.budget.total,
        "is cut": said if found.budget.fits else f"too long, even without {said}",
    }


def _with_retrieved(turns: Sequence[Turn], text: str) -> list[Turn]:
    """As most programs put it: a message of its own before the question."""
    if not text.strip():
        return list(turns)
    at = next((i for i, turn in enumerate(turns) if turn.part == "question"), len(turns))
    return [*turns[:at], Turn(Message("user", text), "retrieved"), *turns[at:]]
