"""Fields that pages share: a choice among labelled options, and a number that has a range."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar, cast

import streamlit as st

from promptgrid.prompt.parameters import SPECS

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


def number_field(label: str, low: float, high: float | None = None, *, key: str, **options: Any) -> Any:
    """Draws a field for a number from `low` to `high` (None: no upper limit) and returns its value; None if it is
    empty. `options` are further arguments of the widget.

    A value outside the range stays in the field, is returned, and a red line below names the range; the action that
    uses the value must refuse it. With limits of its own, the widget would report the value before in silence.
    """
    with st.container(gap="xsmall", width=options.pop("width", "stretch")):
        value = st.number_input(label, key=key, **options)
        if value is not None and (value < low or (high is not None and value > high)):
            st.caption(f":red[{range_words(low, high)}]")
    return value


def range_words(low: float, high: float | None) -> str:
    """Returns the range in words: `From 1 to 1,000.`, or `1 or more.` without `high`."""
    return f"{low:,} or more." if high is None else f"From {low:,} to {high:,}."


def parameter_field(name: str, *, key: str, **options: Any) -> Any:
    """Draws the field for the number of the parameter `name`, such as `top_p`, with its label and range. Arguments and
    result are otherwise those of `number_field`."""
    spec = next(spec for spec in SPECS if spec.name == name)
    return number_field(spec.label, spec.low, spec.high, key=key, **options)
