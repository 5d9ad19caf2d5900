"""The form for one check: its kind, its options and its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.grading import USUAL, CheckSpec, parse_check
from promptgrid.grading.python_switch import check_switch
from promptgrid.grading.rule_problems import check_problem
from promptgrid.grading.spec import OPTIONS
from promptgrid.prompt import Prompt, variables
from promptgrid.ui import server
from promptgrid.ui.widgets.fields import number_field
from promptgrid.ui.widgets.plain import plain

KINDS = {
    "exact": "exact: the answer is the expected one",
    "label": "label: the expected label",
    "contains": "contains: the reply contains a text",
    "regex": "regex: a pattern matches",
    "number": "number: close enough, in any unit",
    "json-schema": "json-schema: valid by the prompt's schema",
    "json-equal": "json-equal: the same JSON",
    "similarity": "similarity: similar to the expected answer",
    "length": "length: words, characters or tokens",
    "language": "language: the reply is in this language",
    "tool-called": "tool-called: a tool is called",
    "tool-not-called": "tool-not-called: no tool, or not this one, is called",
    "tool-args": "tool-args: calls have the expected arguments",
    "tool-sequence": "tool-sequence: exactly the expected calls",
    "tool-schema": "tool-schema: calls are valid by the tools' schemas",
    "held": "held: an attack does not get what it asks for",
    "python": "python: your own function",
    "judge": "judge: a model scores the reply",
    "usual": "usual: the default checks of the answer rule",
}
LABELS = {
    "ignore_case": "Ignore upper and lower case",
    "ignore_space": "Ignore white space",
    "text": "Text (default: the expected answer)",
    "pattern": "Pattern (default: the one of the answer rule)",
    "tolerance": "Greatest difference",
    "relative": "Greatest difference, as a share of the expected value",
    "unit": "Unit",
    "method": "Compare by",
    "model": "Model, as ENDPOINT/MODEL",
    "min": "At least",
    "max": "At most",
    "is": "Language code: en, zh, de …",
    "file": "Python file",
    "function": "Function",
    "seconds": "Time limit for a reply, in seconds",
    "rubric": "Rubric: what makes a reply good",
    "scale": "Scale",
    "prompt": "Prompt of the judge",
    "words": "Whole words only",
    "name": "Tool (default: those of the expected calls, or any)",
    "column": "Column with the expected calls (default: the expected answer)",
    "order": "Order",
    "extra": "Allow further arguments",
    "aim": "What the attack aims at",
    "loose": "Ignore case, blanks and , . / - _ * ^ in texts",
}
_OR_NOT = {None: "as usual: for the expected answer", True: "yes", False: "no"}
_PASSES = "Least score to pass (0 to 1)"
_HIDDEN = ("sha",)
_SCALES = ("1-5", "1-10", "pass/fail")
_BUILT_IN = "built-in"


def check_form(prefix: str, prompts: Sequence[Prompt] = ()) -> CheckSpec | None:
    """Draws the fields for a check and returns the check that they define; None if they are not valid, which an error
    then explains. A line warns of a check that can score no reply to one of the `prompts`.

    The key of each field begins with `prefix`.
    """
    kind = st.selectbox("Check", list(KINDS), format_func=KINDS.__getitem__, key=f"{prefix}_kind")
    for option, type_ in OPTIONS[kind].items():
        if option not in _HIDDEN:
            _field(kind, option, type_, f"{prefix}_{kind}_{option}")
    if kind != USUAL:
        st.text_input("Name", key=f"{prefix}_name", placeholder=kind)
    try:
        check = check_of(prefix)
    except PromptgridError as error:
        st.caption(f":orange[{plain(error.hint or error)}]")
        return None
    problems = (check_problem(check, prompt.answer, prompt.tools) for prompt in prompts)
    for problem in dict.fromkeys(filter(None, problems)):
        st.caption(f":orange[{plain(problem)}]")
    return check


def check_of(prefix: str) -> CheckSpec:
    """Returns the check that the fields whose keys begin with `prefix` define. Raises PlanError if they are not
    valid, and for a check in Python unless those are switched on."""
    kind = st.session_state[f"{prefix}_kind"]
    options = {}
    for option in OPTIONS[kind]:
        value = st.session_state.get(f"{prefix}_{kind}_{option}")
        if value not in (None, "", _BUILT_IN) and (value is not False or option == "words"):
            options[option] = value
    name = "" if kind == USUAL else str(st.session_state.get(f"{prefix}_name") or "").strip()
    check = parse_check(str(CheckSpec(name or kind, kind, options)))
    check_switch([check])
    return check


def fill_form(prefix: str, spec: CheckSpec) -> None:
    """Sets the fields whose keys begin with `prefix` to the values of a check. Call this before the fields are
    drawn."""
    st.session_state[f"{prefix}_kind"] = spec.kind
    st.session_state[f"{prefix}_name"] = "" if spec.name == spec.kind else spec.name
    for option in OPTIONS[spec.kind]:
        value = spec.options.get(option)
        if option == "prompt":
            value = _judge_prompt(str(value or ""))
        if value is None and OPTIONS[spec.kind][option] is bool and option != "words":
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
        st.selectbox(label, [_BUILT_IN, *_judge_prompts()], key=key, help=_HELP)
    elif option == "rubric":
        st.text_area(label, key=key, height=90, placeholder="It answers politely, in one sentence.")
    elif option == "words":
        st.selectbox(label, list(_OR_NOT), format_func=_OR_NOT.__getitem__, key=key)
    elif isinstance(type_, tuple):
        st.selectbox(label, type_, key=key)
    elif type_ is bool:
        st.toggle(label, key=key)
    elif type_ is float:
        number_field(label, 0, key=key, value=None, placeholder="none")
    else:
        st.text_input(label, key=key)


_HELP = "Any prompt of the library with the variable {{ output }}. To change the built-in one, copy it to the library."


def _judge_prompts() -> list[str]:
    """Returns the names of the library's prompts that a judge can use: those with the variable `output`."""

    def names(prompt: Prompt) -> set[str]:
        return {variable.name for variable in variables(prompt.messages, prompt.inputs)}

    return [name for name, prompt in server.prompts().items() if "output" in names(prompt)]


def _judge_prompt(ref: str) -> str:
    """Returns the option of the selector for the prompt `ref` (`name@version`) of a judge: the prompt's name, or
    "built-in" if the library has no such prompt."""
    name = ref.partition("@")[0]
    return name if name in _judge_prompts() else _BUILT_IN
