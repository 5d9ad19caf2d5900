"""Run: what will it cost, and how is it going?"""

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.grid.plan import MAX_SAMPLES, columns_hint
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.ui import server
from promptgrid.ui.run import form, more
from promptgrid.ui.run.axes import FIRST_SPECS, RETRIEVAL_SPECS, axis_field, is_for
from promptgrid.ui.run.cases import cases_input, missing_columns
from promptgrid.ui.run.checks import checks_field
from promptgrid.ui.run.parts import parts_field
from promptgrid.ui.run.plan import load_prompts, plan_of, preflight_key, run_again_button
from promptgrid.ui.run.preflight import preflight_panel
from promptgrid.ui.run.progress import disk_notice, run_panel
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback, undo
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.fields import number_field, parameter_field
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.run_list import recent_runs

page.open_page("Run")


def set_up() -> None:
    """The form, the preflight, and Start."""
    values = form.open_form()
    undo.undo_note(form.UNDO)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        prompts = load_prompts(form.prompts_field())
        form.techniques_field(values, prompts)
        for spec in FIRST_SPECS:
            if is_for(spec, prompts, values):
                axis_field(spec, values)
    with right:
        form.models_field()
        axis_field(AXIS_SPECS[0], values)
        with st.container(horizontal=True):  # columns would stand below each other on a phone
            number_field("Samples", 1, MAX_SAMPLES, key="run_samples", step=1)
            own = form.own_value(prompts, "max_tokens")
            parameter_field("max_tokens", key="run_max_tokens", value=None, placeholder=own, step=16)
        for spec in RETRIEVAL_SPECS:
            if is_for(spec, prompts, values):
                axis_field(spec, values)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        table = cases_input(values, prompts)
        if table is not None and len(table.cases) > 1:
            table = parts_field(table, prompts)
    with right:
        checks_field(values, prompts, table.cases if table else ())
        with st.expander(more.more_heading(values), key="run_more"):
            more.more_fields(values)
    form.save_form(values)
    if table is None or not prompts:
        st.caption("Choose a prompt and its cases to see the preflight.")
        return
    if missing := missing_columns(prompts, table):
        for prompt, names in missing.items():
            st.warning(plain(f"{prompt} needs {', '.join(names)}. {columns_hint(names, table.columns)}", limit=600))
        return
    plan = plan_of(values, prompts, table)
    if not all(map(server.answers_now, plan.models)):
        weights_notice()
    new_run = preflight_panel(plan, preflight_key(values, prompts, table, server.database()))
    if new_run:
        form.name_used()
        st.session_state.run_started = st.query_params["run"] = new_run
        st.rerun()


disk_notice()
run_id = st.query_params.get("run")
if run_id and run_id != st.session_state.get("run_started"):  # opened by its address
    shown_run = run_panel(run_id, primary=True)
    with st.container(horizontal=True):
        if st.button("Set up another run", key="run_new"):
            del st.query_params["run"]
            st.rerun()
        if shown_run is not None:
            run_again_button(shown_run.id)
else:
    try:
        set_up()
    except PromptgridError as error:
        feedback.show_error(error)
    if run_id:
        run_panel(run_id, primary=False)
st.subheader("Runs")
recent_runs()
