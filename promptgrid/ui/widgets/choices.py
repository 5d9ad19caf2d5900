"""Choices from a list whose labels change. A browser names what is chosen by its label alone: where the list says it in
other words now, the choice is gone unless the browser is told the new ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def hold(key: str, options: Collection[T], otherwise: T | None) -> None:
    """Keeps what is chosen under `key`, whatever it is called now; `otherwise` where it is none of the `options`.

    To be called before the widget is drawn. Two options of one label cannot be told apart, so labels name an id.
    """
    chosen = st.session_state.get(key)
    st.session_state[key] = chosen if chosen in options else otherwise
