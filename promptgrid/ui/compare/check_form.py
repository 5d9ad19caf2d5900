"""The fields of one check: its kind, its options, its name."""

from __future__ import annotations

from typing import Any

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.grading import USUAL, CheckSpec, parse_check
from promptgrid.grading.spec import OPTIONS
from promptgrid.prompt import variables
from promptgrid.ui import server
from promptgrid.ui.widgets.plain import plain

KINDS = {
    "exact": "exact: the answer is the expected one",
    "label": "label: the expected label",
    "contains": "contains: a text is in the reply",
    "regex": "regex: a pattern matches",
    "number": "number: near enough, in any unit",
    "json-schema": "json-schema: fits the prompt's schema",
    "json-equal": "json-equal: the same JSON",
    "similarity": "similarity: how like the expected one",
    "length": "length: words, characters or tokens",
    "language": "language: the reply is in it",
    "python": "python: a function of your own",
    "judge": "judge: a model marks the reply",
    "usual": "usual: what the answer rule brings along",
}
LABELS = {
    "ignore_case": "Ignore upper and lower case",
    "ignore_space": "Ignore blanks",
    "text": "Text (without it: the expected value)",
    "pattern": "Pattern (without it: the answer rule's)",
    "tolerance": "Off by at most",
    "relative": "Off by at most, as a share of the expected value",
    "unit": "Unit",
    "method": "Compare by",
    "model": "Model, as ENDPOINT/MODEL",
    "min": "At least",
    "max": "At most",
    "is": "Code of the language: en, zh, de …",
    "file": "Python file",
    "function": "Function",
    "seconds": "Seconds for a reply, at most",
    "rubric": "What makes a reply good",
    "scale": "Scale",
    "prompt": "The judge's prompt",
}
_PASSES = "A reply passes from this score on (0 to 1)"
_HIDDEN = ("sha",)
_SCALES = ("1-5", "1-10", "pass/fail")
_SHIPPED = "ours"


def check_form(prefix: str) -> CheckSpec | None:
    """Draws the fields, kept under keys that begin with `prefix`; the check that they describe, None while they do
    not."""
    kind = st.selectbox("Check", list(KINDS), format_func=KINDS.__getitem__, key=f"{prefix}_kind")
    for option, type_ in OPTIONS[kind].items():
        if option not in _HIDDEN:
            _field(kind, option, type_, f"{prefix}_{kind}_{option}")
    if kind != USUAL:
        st.text_input("Name", key=f"{prefix}_name", placeholder=kind)
    try:
        return check_in(prefix)
    except PromptgridError as error:
        st.caption(f":orange[{plain(error.hint or error)}]")
        return None


def check_in(prefix: str) -> CheckSpec:
    """The check that the fields describe now. Raises PlanError."""
    kind = st.session_state[f"{prefix}_kind"]
    options = {}
    for option in OPTIONS[kind]:
        value = st.session_state.get(f"{prefix}_{kind}_{option}")
        if value not in (None, "", False, _SHIPPED):
            options[option] = value
    name = "" if kind == USUAL else str(st.session_state.get(f"{prefix}_name") or "").strip()
    return parse_check(str(CheckSpec(name or kind, kind, options)))


def fill_form(prefix: str, spec: CheckSpec) -> None:
    """Puts a check into the fields, to be changed; before they are drawn."""
    st.session_state[f"{prefix}_kind"] = spec.kind
    st.session_state[f"{prefix}_name"] = "" if spec.name == spec.kind else spec.name
    for option in OPTIONS[spec.kind]:
        value = spec.options.get(option)
        if option == "prompt":
            value = _own_prompt(str(value or ""))
        if value is None and OPTIONS[spec.kind][option] is bool:
            value = False
        if value is None and isinstance(OPTIONS[spec.kind][option], tuple):
            continue
        st.session_state[f"{prefix}_{spec.kind}_{option}"] = value


def _field(kind: str, option: str, type_: Any, key: str) -> None:
    label = _PASSES if option == "min" and kind != "length" else LABELS[option]
    if option == "model":
        st.selectbox(label, server.model_refs(), index=None, accept_new_options=True, key=key)
    elif option == "scale":
        st.selectbox(label, _SCALES, accept_new_options=True, key=key)
    elif option == "prompt":
        st.selectbox(label, [_SHIPPED, *_judges()], key=key, help=_HELP)
    elif option == "rubric":
        st.text_area(label, key=key, height=90, placeholder="It answers politely, in one sentence.")
    elif isinstance(type_, tuple):
        st.selectbox(label, type_, key=key)
    elif type_ is bool:
        st.toggle(label, key=key)
    elif type_ is float:
        st.number_input(label, min_value=0.0, value=None, key=key, placeholder="none")
    else:
        st.text_input(label, key=key)


_HELP = "Any prompt of the library that shows {{ output }}: copy ours there to change it."


def _judges() -> list[str]:
    """The prompts of the library that a judge can be asked by."""
    found = []
    for entry in server.library().entries():
        if entry.prompt is not None:
            names = {variable.name for variable in variables(entry.prompt.messages, entry.prompt.inputs)}
            found += [entry.name] if "output" in names else []
    return found


def _own_prompt(named: str) -> str:
    """The library's prompt that a kept version `name@version` was."""
    name = named.partition("@")[0]
    return name if name in _judges() else _SHIPPED
