"""More of a run that is at rest: samples, temperatures, models; only what is new is sent."""

from __future__ import annotations

import json
from dataclasses import replace

import streamlit as st

from promptgrid import humanize
from promptgrid.errors import PromptgridError
from promptgrid.grid import MAX_SAMPLES, Plan
from promptgrid.runner import client
from promptgrid.store import runs
from promptgrid.store.runs import RunInfo
from promptgrid.ui import server
from promptgrid.ui.run.form import TEMPERATURES, tidy_temperatures
from promptgrid.ui.run.plan import sheets
from promptgrid.ui.run.preflight import facts, notes
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain


def extend_popover(info: RunInfo) -> None:
    """The fields, what the new cells will take, and the button that adds them to the run."""
    with st.popover("Add samples or temperatures", key="run_extend"):
        plan = _plan(info.id, info.total)
        wider = _wider(plan, info.id)
        if wider == plan:
            st.caption("What is answered stays; only the new cells are sent, and what failed.")
        else:
            _what_it_takes(info, wider)
        if st.button("Add and run", type="primary", key="run_extend_go", disabled=wider == plan):
            _extend(info.id, plan, wider)


@st.cache_resource(max_entries=4, show_spinner=False)
def _plan(run_id: str, total: int) -> Plan:
    """Kept until the run grows."""
    return runs.plan_of(server.database(), run_id)


def _wider(plan: Plan, run_id: str) -> Plan:
    """The plan with what was added to it; the fields are each run's own."""
    samples = st.number_input(
        "Samples of each cell, in all", plan.samples, MAX_SAMPLES, plan.samples, key=f"extend_samples_{run_id}", step=1
    )
    temperatures = _more_temperatures(plan, run_id) if plan.temperatures else []
    models = st.multiselect(
        "More models",
        [ref for ref in server.model_refs() if ref not in plan.models],
        key=f"extend_models_{run_id}",
        accept_new_options=True,
        select_all=False,
        placeholder="None",
    )
    return replace(
        plan,
        samples=samples,
        temperatures=(*plan.temperatures, *temperatures),
        models=tuple(dict.fromkeys([*plan.models, *models])),
    )


def _more_temperatures(plan: Plan, run_id: str) -> list[float]:
    """Those that the run has not yet; what is no temperature is said."""
    typed = st.multiselect(
        "More temperatures",
        [text for text in TEMPERATURES if float(text) not in plan.temperatures],
        key=f"extend_temperatures_{run_id}",
        accept_new_options=True,
        select_all=False,
        filter_mode="prefix",  # 5 is not 0.5
        placeholder="None",
    )
    good, bad = tidy_temperatures(typed)
    if bad:
        st.caption(f":orange[{plain(', '.join(bad), limit=60)}: a temperature is a number from 0 to 2.]")
    return [value for value in map(float, good) if value not in plan.temperatures]


def _what_it_takes(info: RunInfo, wider: Plan) -> None:
    asked = [info.id, info.total, info.ended, wider.samples, wider.temperatures, wider.models]
    key = "extend " + json.dumps(asked)
    try:
        with st.spinner("Counting …"):
            sheet = sheets().ask(key, replace(wider, fresh=False)).result()
    except PromptgridError as error:
        sheets().forget(key)
        show_error(error)
        return
    st.markdown(f"{humanize.many(max(sheet.cells - info.total, 0), 'new cell')}: {' · '.join(facts(sheet))}")
    for line in notes(sheet, ""):
        st.caption(line)


def _extend(run_id: str, plan: Plan, wider: Plan) -> None:
    try:
        with st.spinner("Adding …"):
            client.extend(
                server.database(),
                run_id,
                samples=wider.samples,
                temperatures=wider.temperatures[len(plan.temperatures) :],
                models=wider.models[len(plan.models) :],
            )
            client.resume(server.database(), run_id)
    except PromptgridError as error:
        show_error(error)
    else:
        st.rerun()
