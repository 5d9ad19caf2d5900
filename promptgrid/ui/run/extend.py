"""Adds samples, temperatures or models to a run that is not active. Only new and failed cells are sent."""

from __future__ import annotations

import json
from dataclasses import replace

import streamlit as st

from promptgrid import humanize
from promptgrid.errors import PromptgridError
from promptgrid.grading.python_switch import check_switch
from promptgrid.grid import MAX_SAMPLES, Plan
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.runner import client
from promptgrid.store import runs
from promptgrid.store.runs import RunInfo
from promptgrid.ui import server
from promptgrid.ui.run.axes import more_values
from promptgrid.ui.run.plan import preflights
from promptgrid.ui.run.preflight import facts, notes
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.feedback import calls_label, show_error, showing_errors
from promptgrid.ui.widgets.fields import number_field


def extend_popover(info: RunInfo) -> None:
    """Draws the fields that add to the run, the preflight of the new cells, and the button that adds the cells and
    resumes the run."""
    with st.popover("Add samples or temperatures", key="run_extend"):
        plan = _plan(info.id, info.total)
        wider = plan
        with showing_errors():
            wider = _wider(plan, info.id)
        calls = 0
        if wider == plan:
            st.caption("Answered cells are kept. Only new and failed cells are sent.")
        else:
            calls = _show_preflight(info, wider)
        label = calls_label("Add and run", calls)
        if st.button(label, type="primary", key="run_extend_go", disabled=wider == plan):
            _extend(info.id, plan, wider)


@st.cache_resource(max_entries=4, show_spinner=False)
def _plan(run_id: str, total: int) -> Plan:
    """Returns the plan of the run, cached. `total`, the run's number of cells, is part of the cache's key, so that a
    run that has grown is read again."""
    return runs.plan_of(server.database(), run_id)


def _wider(plan: Plan, run_id: str) -> Plan:
    """Draws the fields; returns the plan with the samples, models and values that the user adds in them."""
    samples = number_field(
        "Samples of each cell in total",
        plan.samples,
        MAX_SAMPLES,
        key=f"extend_samples_{run_id}",
        value=plan.samples,
        step=1,
    )
    added = {s.column: more_values(s, plan, run_id) for s in AXIS_SPECS if s.column in plan.axes}
    models = st.multiselect(
        "More models",
        [ref for ref in server.model_refs() if ref not in plan.models],
        key=f"extend_models_{run_id}",
        accept_new_options=True,
        select_all=False,
        placeholder="None",
    )
    return client.widened(plan, samples, models, added)


def _show_preflight(info: RunInfo, wider: Plan) -> int:
    """Draws the preflight of the run with what is added, and returns its number of calls; 0 after an error, which it
    shows."""
    state = [info.id, info.total, info.ended, wider.samples, dict(wider.axes), wider.models]
    key = "extend " + json.dumps(state)
    try:
        with st.spinner("Counting …"):
            preflight = preflights().request(key, replace(wider, fresh=False)).result()
    except PromptgridError as error:
        preflights().forget(key)
        show_error(error)
        return 0
    st.markdown(f"{humanize.many(max(preflight.cells - info.total, 0), 'new cell')}: {' · '.join(facts(preflight))}")
    for line in notes(preflight, ""):
        st.caption(line)
    return preflight.total.calls


def _extend(run_id: str, plan: Plan, wider: Plan) -> None:
    try:
        check_switch(plan.all_checks)
        with st.spinner("Adding …"):
            client.extend(
                server.database(),
                run_id,
                samples=wider.samples,
                models=wider.models[len(plan.models) :],
                **{
                    spec.plural: wider.axes[spec.column][len(values) :]
                    for spec in AXIS_SPECS
                    if (values := plan.axes.get(spec.column))
                },
            )
            client.resume(server.database(), run_id)
    except PromptgridError as error:
        show_error(error)
    else:
        close_popover()
        st.rerun()
