"""The change of what a case expects, with the way back, in the detail of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from promptgrid.compare import ComparisonRows
from promptgrid.errors import PlanError
from promptgrid.grading import CheckSpec
from promptgrid.grading.python_switch import check_switch
from promptgrid.humanize import ago, many
from promptgrid.judging import rescore, session
from promptgrid.store import Database, expectations, plans, runs
from promptgrid.store.cell_columns import CaseText
from promptgrid.text import one_line
from promptgrid.ui.compare import view_state
from promptgrid.ui.compare.rescoring import progress, rescorings
from promptgrid.ui.widgets.callbacks import leaving_error
from promptgrid.ui.widgets.feedback import note_with_button, show_left_error
from promptgrid.ui.widgets.plain import plain

_ERROR = "compare_expected_error"
_ROUND = "compare_expected_round"  # the popover gets a new key after each change, which closes it


def expected_popover(database: Database, comparison: ComparisonRows, case: CaseText) -> None:
    """Draws the popover in which the user changes what the case expects. Saving scores the replies to the case
    anew."""
    key = f"compare_expected_{st.session_state.get(_ROUND, 0)}"
    with st.popover("Change expected", key=key, type="tertiary", on_change="rerun") as popover:
        if popover.open:
            _form(database, comparison, case)


def _form(database: Database, comparison: ComparisonRows, case: CaseText) -> None:
    run_id = comparison.facts.run_id
    field = f"expected_{run_id}_{case.case_id}"
    st.session_state.setdefault(field, case.expected or "")
    st.text_area("Expected answer", key=field, help="If empty, the case expects nothing and is not scored by it.")
    replies = _replies(comparison, case.case_id)
    models = [check for check in plans.planned_checks(database, run_id) if check.model]
    calls = f" · up to {many(replies * len(models), 'call')}" if models else ""  # equal replies share a call
    label = f"Save and score {many(replies, 'cell')} anew{calls}"
    save = partial(_save, database, run_id, case.case_id, field)
    st.button(label, key="compare_expected_save", type="primary", on_click=save)
    st.caption("It changes in this run alone, not in the table of cases. What it was is kept.")


def _replies(comparison: ComparisonRows, case_id: str) -> int:
    facts = comparison.facts
    return int((facts.answered & (facts.case == list(facts.case_ids).index(case_id))).sum())


def expected_note(database: Database, run_id: str, case: CaseText) -> None:
    """If the case's expected answer was changed, says what it was, and offers to undo the change. Shows the progress of
    a scoring that a change has started, and its error."""
    show_left_error(_ERROR)
    task = rescorings().by_run.get(run_id)
    if task is not None and not task.future.done():
        progress(lambda: None if task.future.done() else task)
    if not case.changed:
        return
    changes = expectations.expected_changes(database, run_id).get(case.case_id, [])
    if changes:
        before = "nothing" if changes[-1].before is None else f"“{one_line(changes[-1].before, 60)}”"
        text = plain(f"Expected was changed {ago(changes[-1].changed)}; it was {before}.")
        undo = (database, run_id, case.case_id)
        note_with_button(text, "Undo", key="compare_expected_undo", on_click=_undo, args=undo)


@leaving_error(_ERROR)
def _save(database: Database, run_id: str, case_id: str, field: str) -> None:
    text = str(st.session_state[field]).strip()
    _change(database, run_id, lambda: expectations.change_expected(database, run_id, case_id, text or None))
    st.session_state.pop(field)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


@leaving_error(_ERROR)
def _undo(database: Database, run_id: str, case_id: str) -> None:
    _change(database, run_id, lambda: expectations.undo_expected(database, run_id, case_id))


def _change(database: Database, run_id: str, change: Callable[[], Sequence[int]]) -> None:
    """Calls `change`, which returns the positions of cells, and scores these anew: at once, or in the background if
    models judge them."""
    checks: Sequence[CheckSpec] = runs.plan_of(database, run_id).all_checks
    check_switch(checks)
    if session.in_progress(run_id):
        raise PlanError("The replies of this run are being scored.", hint="Wait until that is done.")
    if positions := change():
        recheck = rescore.of_cells(database, run_id, positions)
        if any(check.model for check in recheck.score):
            rescorings().start(database, recheck)
        else:
            rescore.carry_out(database, recheck)
    view_state.rerun_page()
