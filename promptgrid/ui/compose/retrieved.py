"""Says what the prompt on the Compose page retrieves for the shown case, and what to leave out if it does not fit."""

from __future__ import annotations

import streamlit as st

from promptgrid.humanize import many
from promptgrid.prompt import Parameters
from promptgrid.prompt.retrieval import retrieval_calls
from promptgrid.techniques.passages import Context
from promptgrid.tokens import ContextUse
from promptgrid.ui.widgets.plain import plain


def retrieved_note(context: Context, use: ContextUse, parameters: Parameters) -> None:
    """Draws a line on the passages of the context; `use` is how the request fills the model's context limit,
    `parameters` are those of the prompt."""
    if calls := retrieval_calls(parameters):
        st.caption(f"Shown is what the question finds as asked; what is sent takes {many(calls, 'call')} to decide.")
    if not context.passages:
        st.caption("Nothing is retrieved for this case: the context is empty.")
        return
    listed = "; ".join(f"[{number}] {one.label}" for number, one in enumerate(context.passages, 1))
    st.caption(f"Retrieved: {plain(listed, limit=400)}")
    if use.fits:
        return
    worst = max(context.passages, key=lambda one: one.rank)
    number = context.passages.index(worst) + 1
    smaller = f"a k below {len(context.passages):,}"
    st.caption(
        f":orange[It does not fit, and no run sends it. Leave out the worst passage, [{number}], first: {smaller}.]"
    )
