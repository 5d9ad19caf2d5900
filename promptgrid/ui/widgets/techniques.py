"""The choice of techniques: their buttons, and the options of those that have some."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import streamlit as st

from promptgrid.techniques import TECHNIQUES, known_technique, most_calls
from promptgrid.techniques.steps import NumberOption, TechniqueOption


def technique_choices(selected: Collection[str]) -> list[str]:
    """Returns the techniques that can be selected: all by name, each followed by those of `selected` that have the same
    name and options of their own."""
    variants = [text for text in dict.fromkeys(selected) if text not in TECHNIQUES]
    return [one for name in TECHNIQUES for one in (name, *(v for v in variants if v.partition(":")[0] == name))]


def technique_label(text: str) -> str:
    """Returns the label of a technique's button: its name, and for one that makes several calls how many at most."""
    most = most_calls(text)
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
