"""Selects the checks that score the replies: the default checks of each prompt, or those that the user selects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from promptgrid.cases.table import Case
from promptgrid.errors import PromptgridError
from promptgrid.grading import default_checks, parse_check
from promptgrid.humanize import many
from promptgrid.prompt import Prompt
from promptgrid.ui.run.form import UNDO_CHECKS, FormValues, set_fields
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

OTHERS = (
    "exact", "exact:ignore_case=true", "label", "number", "number:tolerance=0.01", "json-schema", "json-equal",
    "similarity", "length:max=100", "language:is=en",
)  # fmt: skip
OF_TOOLS = (
    "tool-called", "tool-not-called", "tool-args", "tool-sequence:order=any", "tool-sequence", "tool-schema",
)  # fmt: skip
KEY = "checks_shown"  # the key of the widget; the field of the form is None for the default checks


def checks_field(form: FormValues, prompts: Sequence[Prompt], cases: Sequence[Case]) -> None:
    """Draws the field of the checks. At first it has the default checks for these prompts and cases; a selection
    changes the form."""
    default = checks_by_default(prompts, cases)
    checks = default if form["run_checks"] is None else form["run_checks"]
    if st.session_state.get(KEY) != checks:
        st.session_state[KEY] = checks
    offered = (*(OF_TOOLS if any(prompt.tools for prompt in prompts) else ()), *OTHERS)
    st.multiselect(
        "Checks",
        list(dict.fromkeys([*default, *checks, *offered])),
        key=KEY,
        placeholder="No scores",
        accept_new_options=True,
        select_all=False,  # else Enter selects all instead of the typed text
        wrap=True,
        on_change=_save,
        args=(form, default),
        help="Type a check with its options: contains:text=please, number:tolerance=0.5, python:file=checks.py,"
        " judge:model=ENDPOINT/MODEL,rubric=It is polite. You can add others later, on Compare.",
    )
    undo_note(UNDO_CHECKS)


def checks_by_default(prompts: Sequence[Prompt], cases: Sequence[Case]) -> list[str]:
    """Returns the default checks of all the prompts, each once, as the user would type them. They follow from each
    prompt's answer rule, and from whether any case has an expected answer."""
    has_expected = any(case.expected is not None for case in cases)
    specs = (spec for p in prompts for spec in default_checks(p.answer, has_expected, tools=bool(p.tools)))
    return list(dict.fromkeys(map(str, specs)))


def _save(form: FormValues, default: list[str]) -> None:
    valid = []
    for text in st.session_state[KEY]:
        try:
            parse_check(text)
        except PromptgridError as error:
            st.toast(plain(error, limit=300))
        else:
            valid.append(text)
    before, form["run_checks"] = form["run_checks"], None if valid == default else valid
    if lost := [check for check in before or () if check not in (*valid, *default, *OTHERS, *OF_TOOLS)]:
        text = f"Removed {many(len(lost), 'check')}: {', '.join(lost)}"
        offer_undo(UNDO_CHECKS, text, partial(set_fields, run_checks=before))
