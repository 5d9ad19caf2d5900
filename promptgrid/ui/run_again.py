"""A run's plan back in the form, to be changed and run again."""

from __future__ import annotations

import streamlit as st

from promptgrid.cases import EXPECTED, cases_csv
from promptgrid.store import runs
from promptgrid.ui import run_form, run_plan, state
from promptgrid.ui.cases_input import keep_upload


def run_again_button(run_id: str) -> None:
    """Fills the form with the run's prompts, cases and settings; what is answered already will not be sent again."""
    st.button("Change and run again", key="run_again", on_click=_fill, args=(run_id,))


def _fill(run_id: str) -> None:
    plan = runs.plan_of(state.database(), run_id)
    columns = dict.fromkeys(name for case in plan.cases for name in case.inputs)
    expected = [EXPECTED] if any(case.expected is not None for case in plan.cases) else []
    table = cases_csv(plan.cases, [*columns, *expected])
    run_form.fill_form(run_plan.form_of(plan, keep_upload(table.encode("utf-8", "replace"))))
    del st.query_params["run"]
