"""Which checks score the replies: the usual ones of each prompt, until somebody chooses."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.cases.table import Case
from promptgrid.errors import PromptgridError
from promptgrid.grading import default_checks, parse_check
from promptgrid.prompt import Prompt
from promptgrid.ui.run.form import FormValues
from promptgrid.ui.widgets.plain import plain

OTHERS = (
    "exact", "exact:ignore_case=true", "label", "number", "number:tolerance=0.01", "json-schema", "json-equal",
    "similarity", "length:max=100", "language:is=en",
)  # fmt: skip
KEY = "checks_shown"  # the widget's; the form's own field is None while nobody has chosen


def checks_field(form: FormValues, prompts: Sequence[Prompt], cases: Sequence[Case]) -> None:
    """Draws the field and writes its value to the form."""
    usual = usual_checks(prompts, cases)
    shown = usual if form["run_checks"] is None else form["run_checks"]
    if st.session_state.get(KEY) != shown:
        st.session_state[KEY] = shown
    st.multiselect(
        "Checks",
        list(dict.fromkeys([*usual, *shown, *OTHERS])),
        key=KEY,
        placeholder="Replies are not scored",
        accept_new_options=True,
        select_all=False,  # Enter after typing takes what was typed
        wrap=True,
        on_change=_chosen,
        args=(form, usual),
        help="Type one with its options: contains:text=please, number:tolerance=0.5, python:file=checks.py,"
        " judge:model=ENDPOINT/MODEL,rubric=It is polite. Compare adds others when the replies are there.",
    )


def usual_checks(prompts: Sequence[Prompt], cases: Sequence[Case]) -> list[str]:
    """The checks that the prompts' answer rules bring along, each once, as they are typed."""
    has_expected = any(case.expected is not None for case in cases)
    return list(dict.fromkeys(str(spec) for p in prompts for spec in default_checks(p.answer, has_expected)))


def _chosen(form: FormValues, usual: list[str]) -> None:
    good = []
    for text in st.session_state[KEY]:
        try:
            parse_check(text)
        except PromptgridError as error:
            st.toast(plain(error, limit=300))
        else:
            good.append(text)
    form["run_checks"] = None if good == usual else good
