"""Selections from a list whose labels change.

A browser reports a selection by its label. When a label changes, the selection is lost unless the session state sets
it again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def keep_selection(key: str, options: Collection[T], default: T | None) -> None:
    """Sets the selection under `key` again; `default` if it is not among `options`. Call it before the widget.

    Two options with the same label cannot be told apart, so labels should contain an id.
    """
    value = st.session_state.get(key)
    st.session_state[key] = value if value in options else default
