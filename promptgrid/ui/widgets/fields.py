"""Fields that pages share: a choice among labelled options, a number that has a range, and techniques."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast

import streamlit as st

from promptgrid.prompt.parameters import SPECS
from promptgrid.techniques import TECHNIQUES, known_technique, technique_calls
from promptgrid.techniques.options import NumberOption, TechniqueOption

T = TypeVar("T")
_MOST_IN_BROWSER = 2**53 - 1


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
    uses the value must refuse it. With limits of its own, the widget would report the value before: it does so only for
    whole numbers that a browser cannot hold, and says it.
    """
    if isinstance(options.get("step"), int):
        options |= {"min_value": -_MOST_IN_BROWSER, "max_value": _MOST_IN_BROWSER}
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


def technique_choices(selected: Collection[str]) -> list[str]:
    """Returns the techniques that can be selected: all by name, each followed by those of `selected` that have the same
    name and options of their own."""
    variants = [text for text in dict.fromkeys(selected) if text not in TECHNIQUES]
    return [one for name in TECHNIQUES for one in (name, *(v for v in variants if v.partition(":")[0] == name))]


def technique_label(text: str) -> str:
    """Returns the label of a technique's button: its name, and for one that makes several calls how many at most."""
    most = technique_calls(text)
    return text if most == 1 else f"{text} · ≤\u202f{most} calls"


def options_popover(key: str, add: Callable[[str], Any]) -> None:
    """Draws the button that opens the options of techniques. There, a press of Add calls `add` with the technique as a
    plan names it, such as `self-refine:rounds=3`."""
    with st.popover("Options of techniques", key=f"{key}_options", type="tertiary"):
        adjustable = [name for name, technique in TECHNIQUES.items() if technique.options]
        name = st.selectbox("Technique", adjustable, key=f"{key}_adjusted")
        options = TECHNIQUES[name].options
        values = {word: _option(f"{key}_{name}_{word}", word, option) for word, option in options.items()}
        text = known_technique(f"{name}:{','.join(f'{word}={value}' for word, value in values.items())}")
        label = f"Add {technique_label(text)}"
        st.button(label, key=f"{key}_add", on_click=add, args=(text,), disabled=text == name)


def _option(key: str, name: str, option: TechniqueOption) -> int | str:
    """Draws the field of one option of a technique; returns its value, which is one that the option can have."""
    if isinstance(option, NumberOption):
        limits: Any = {"min_value": option.least, "max_value": option.most}
        return int(st.number_input(name, value=option.default, step=1, key=key, help=option.meaning, **limits))
    return str(st.selectbox(name, option.words, key=key, help=option.meaning))
