"""What went wrong, and what to do where there is nothing yet."""

from __future__ import annotations

import logging

import streamlit as st

from promptgrid.errors import EndpointError, PromptgridError
from promptgrid.ui.widgets.plain import plain

logger = logging.getLogger(__name__)
SHOWN = 600  # characters of a message; the rest of a long one is in `raw` or in the log


def show_error(error: Exception) -> None:
    """Shows what happened and what to do next; what an endpoint said stands beneath, folded away.

    Anything but a PromptgridError is a bug of ours: its traceback goes to the log.
    """
    if not isinstance(error, PromptgridError):
        logger.error("A page failed", exc_info=error)
        st.error(f"Promptgrid failed: {plain(f'{type(error).__name__}: {error}', limit=SHOWN)}  \nThe log says where.")
        return
    st.error("  \n".join(filter(None, [plain(error.message, limit=SHOWN), plain(error.hint, limit=SHOWN)])))
    if isinstance(error, EndpointError) and error.raw.strip():
        with st.expander("What the endpoint said"):
            st.code(error.raw, language=None, wrap_lines=True, height=220)


def empty_state(text: str, action_label: str, key: str, *, detail: str = "") -> bool:
    """Says that there is nothing yet and offers the one thing to do; True in the run after it was pressed."""
    with st.container(border=True, key=f"{key}_empty"):
        st.markdown(f"**{plain(text)}**")
        if detail:
            st.caption(plain(detail))
        return st.button(plain(action_label), key=key, type="primary")
