"""What a reader does with a cell: copies it or its row, and runs it again; and the popover that adds a case."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.cases.table import Case
from promptgrid.compare import ComparisonRow, ComparisonRows
from promptgrid.errors import PromptgridError
from promptgrid.export.cells import guarded
from promptgrid.grading.python_switch import check_switch
from promptgrid.humanize import dollars
from promptgrid.prompt.parameters import RETRIEVAL_PARAMETERS, parameters_from
from promptgrid.runner import client, phrases
from promptgrid.store import Database, plans, results, runs
from promptgrid.store.results import ResultRow
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.techniques import most_calls
from promptgrid.text import value_text
from promptgrid.ui.compare import view_state
from promptgrid.ui.widgets.callbacks import leaving_error
from promptgrid.ui.widgets.component import component
from promptgrid.ui.widgets.feedback import calls_label, show_error, show_left_error
from promptgrid.ui.widgets.plain import plain

_AGAIN_ERROR, _CASE_ERROR = "compare_again_error", "compare_case_error"
_ROUND = "compare_case_round"  # the popover and its fields get new keys after each added case


def copy_buttons(database: Database, comparison: ComparisonRows, row: ComparisonRow, reply: ResultRow) -> None:
    """Draws the buttons that copy the reply of the cell, and the row of the cell for a spreadsheet."""
    texts = [{"label": "Copy row", "text": row_text(database, comparison, row)}]
    if reply.output is not None:
        texts.insert(0, {"label": "Copy reply", "text": reply.output})
    component("copy")(key="compare_copy", data={"texts": texts, "copied": "Copied"}, width="content")


def row_text(database: Database, comparison: ComparisonRows, row: ComparisonRow) -> str:
    """Returns the row as a line with tabs, as spreadsheets paste it: the case's id, what it expects, its inputs, and
    the answer in each column. What a spreadsheet would run as a formula is guarded by an apostrophe."""
    entries = [row.entries.get(head.id) for head in comparison.columns]
    wanted = [entry.representative for entry in entries if entry is not None and entry.representative is not None]
    by_position = {one.position: one for one in results.result_rows(database, comparison.facts.run_id, wanted)}
    replies = [by_position.get(-1 if entry is None else entry.representative or 0) for entry in entries]
    case = [] if row.case is None else [row.case.case_id, row.case.expected or "", *row.case.inputs.values()]
    answers = ["" if reply is None else reply.answer or reply.output or reply.error for reply in replies]
    return "\t".join(_pasted(value_text(value)) for value in (*case, *answers))


def _pasted(text: str) -> str:
    text = guarded(text)
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in '\t\r\n"') else text


def run_again_button(database: Database, run: RunInfo, reply: ResultRow) -> None:
    """Draws the button that sends the request of the cell once more. The new reply is one more sample."""
    prompt = plans.named_prompt(database, f"{reply.prompt}@{reply.prompt_version}")
    models = sum(check.model != "" for check in plans.planned_checks(database, run.id))
    retrieves = parameters_from({name: reply.parameters.get(name) for name in RETRIEVAL_PARAMETERS})
    cost = f" The last reply cost {dollars(reply.cost_usd)}." if reply.cost_usd else ""
    st.button(
        calls_label("Run again", most_calls(prompt, reply.technique, retrieves) + models),
        key="compare_again",
        type="tertiary",
        disabled=run.status in ACTIVE or reply.status == "too_long",
        on_click=_run_again,
        args=(database, run.id, reply.position),
        help=plain(f"Sends the request once more. The replies so far stay; the new one is a further sample.{cost}"),
    )


def show_cell_errors() -> None:
    """Shows the error of the last try to run a cell again, once."""
    show_left_error(_AGAIN_ERROR)


@leaving_error(_AGAIN_ERROR)
def _run_again(database: Database, run_id: str, position: int) -> None:
    check_switch(runs.plan_of(database, run_id).all_checks)
    client.run_cell_again(database, run_id, position)
    view_state.rerun_page()


def new_case_popover(database: Database, run: RunInfo) -> None:
    """Draws the popover that adds a case to the run: its fields, what its cells will cost, and the button."""
    number = st.session_state.get(_ROUND, 0)
    with st.popover("Add a case", key=f"compare_case_{number}", on_change="rerun") as popover:
        if popover.open:
            _case_form(database, run, number)


def _case_form(database: Database, run: RunInfo, number: int) -> None:
    show_left_error(_CASE_ERROR)
    if run.status in ACTIVE:
        st.caption("The run is active. You can add a case when it is done.")
        return
    plan = runs.plan_of(database, run.id)
    case = _typed_case(plan.cases, number)
    if case is None:
        st.caption("Fill in the inputs to see what the new cells cost.")
        return
    try:
        preflight = client.new_case_preflight(database, client.with_case(database, run.id, case))
    except PromptgridError as error:
        show_error(error)
        return
    for model in preflight.every:
        st.markdown(f"**{plain(model.ref)}** {phrases.dated_cost(model, [model])}".replace("$", r"\$"))
    label = calls_label("Add and run", preflight.total.calls)
    add = (database, run.id, case)
    st.button(label, key="compare_case_add", type="primary", on_click=_add_case, args=add)
    st.caption("It joins this run alone, not the table of cases.")


def _typed_case(cases: Sequence[Case], number: int) -> Case | None:
    """Draws a field for the id, what is expected, and each input of the run's cases. Returns the case, or None while
    all inputs are empty."""
    ids = {case.id for case in cases}
    free = next(str(n) for n in range(len(cases) + 1, 2 * len(cases) + 2) if str(n) not in ids)
    case_id = st.text_input("Id of the case", free, key=f"new_case_id_{number}", max_chars=80)
    expected = st.text_area("Expected answer", key=f"new_case_expected_{number}", height="content")
    names = list(dict.fromkeys(name for case in cases for name in case.inputs))
    inputs = {
        name: st.text_area(plain(name, limit=80), key=f"new_case_input_{at}_{number}", height="content")
        for at, name in enumerate(names)
    }
    typed = {name: text for name, text in inputs.items() if text}
    return Case(case_id.strip() or free, typed, expected.strip() or None) if typed else None


@leaving_error(_CASE_ERROR)
def _add_case(database: Database, run_id: str, case: Case) -> None:
    check_switch(runs.plan_of(database, run_id).all_checks)
    client.add_case(database, run_id, case)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
