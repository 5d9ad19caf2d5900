"""Selections from a list of labelled options."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar, cast

import streamlit as st

T = TypeVar("T")


def buttons(label: str, names: Mapping[T, str], key: str, **options: Any) -> T:
    """Draws a row of buttons and returns the selected option; one is always selected. `names` maps options to their
    labels; `options` are further arguments of the widget."""
    labels = names.__getitem__
    selected = st.segmented_control(label, list(names), format_func=labels, key=key, required=True, **options)
    return cast(T, selected)


def keep_selection(key: str, options: Collection[T], default: T | None) -> None:
    """Keeps the selection of the widget with this `key`, or sets it to `default` if it is not among `options`. Call it
    before the widget is drawn.

    The browser reports a selection by its label. A selection whose label changes would be lost without this call.
    Labels should contain an id, because two options with the same label cannot be told apart.
    """
    value = st.session_state.get(key)
    st.session_state[key] = value if value in options else default
