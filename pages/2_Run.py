"""Run: what will it cost, and how is it going?"""

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.ui import server
from promptgrid.ui.run import form as run_form
from promptgrid.ui.run import plan as run_plan
from promptgrid.ui.run.cases import cases_input, missing_columns
from promptgrid.ui.run.checks import checks_field
from promptgrid.ui.run.plan import run_again_button
from promptgrid.ui.run.preflight import preflight_panel, wants_builtin
from promptgrid.ui.run.progress import disk_notice, run_panel
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback, plain
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.run_list import recent_runs

page.open_page("Run")


def set_up() -> None:
    """The form, the preflight sheet, and Start."""
    form = run_form.open_form()
    left, right = st.columns([1, 1], gap="medium")
    with left:
        prompts = run_plan.chosen_prompts(run_form.prompts_field())
        run_form.techniques_field(form, prompts)
    with right:
        run_form.models_field()
        temperatures, samples, longest = st.columns([3, 1, 1])
        with temperatures:
            run_form.temperatures_field()
        samples.number_input("Samples", 1, 1000, key="run_samples", step=1)
        longest.number_input(
            "Max tokens",
            1,
            key="run_max_tokens",
            value=None,
            placeholder=run_form.own_value(prompts, "max_tokens"),
            step=16,
        )
    left, right = st.columns([1, 1], gap="medium")
    with left:
        table = cases_input(form, prompts)
    with right:
        checks_field(form, prompts, table.cases if table else ())
        with st.expander("More"):
            run_form.more_fields(form)
    run_form.keep_form(form)
    if table is None or not prompts:
        st.caption("Choose a prompt and its cases: the preflight follows.")
        return
    if lacking := missing_columns(prompts, table):
        there = plain.plain(", ".join(table.columns), limit=200)
        for prompt, names in lacking.items():
            st.warning(f"{plain.plain(prompt)} needs {plain.plain(', '.join(names))}; the table has {there}.")
        return
    plan = run_plan.plan_of(form, prompts, table)
    if wants_builtin(plan):
        weights_notice()
    started = preflight_panel(plan, run_plan.digest(form, prompts, table, server.database()))
    if started:
        st.session_state.run_started = st.query_params["run"] = started
        st.rerun()


disk_notice()
run_id = st.query_params.get("run")
opened = bool(run_id) and run_id != st.session_state.get(
    "run_started"
)  # by its address, so it is what the page is about
if run_id and opened:
    run_panel(run_id, primary=True)
    with st.container(horizontal=True):
        if st.button("Set up another run", key="run_new"):
            del st.query_params["run"]
            st.rerun()
        run_again_button(run_id)
else:
    try:
        set_up()
    except PromptgridError as error:
        feedback.show_error(error)
    if run_id:
        run_panel(run_id, primary=False)
st.subheader("Runs")
recent_runs()
