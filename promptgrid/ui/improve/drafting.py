"""A prompt drafted from a description on the page Improve, for those who have none yet."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from promptgrid.errors import PromptgridError
from promptgrid.improve.draft import draft_plan, drafted
from promptgrid.runner import client
from promptgrid.store import Database, results, runs
from promptgrid.ui.server import library
from promptgrid.ui.widgets.feedback import announce_error
from promptgrid.ui.widgets.tables import read_table
from promptgrid.ui.widgets.undo import offer_undo

PAGE = "improve"
_DRAFT, _NAME, _TASK = "improve_draft", "improve_draft_name", "improve_draft_task"
_TICK_S = 1.0


def draft_field(database: Database, path: Path, writer: str) -> None:
    """Draws the field for the description of a task and the button that drafts a prompt for the table at `path`."""
    with st.expander("No prompt yet? Describe the task"):
        st.text_area("Task", key=_TASK, placeholder="Label product reviews positive, negative or mixed.")
        st.text_input("Name of the prompt", "my-prompt", key=_NAME)
        st.button("Draft (1 call)", key="improve_draft_start", on_click=_start, args=(database, path, writer))
        if _DRAFT in st.session_state:
            _follow(st.session_state[_DRAFT], path, _database=database)


def _start(database: Database, path: Path, writer: str) -> None:
    try:
        plan = draft_plan(st.session_state[_TASK], read_table(path).cases, writer)
        st.session_state[_DRAFT] = client.start(database, plan)
    except PromptgridError as error:
        announce_error(error)


@st.fragment(run_every=_TICK_S)
def _follow(run_id: str, path: Path, *, _database: Database) -> None:
    """Waits for the draft, and saves it when it is there."""
    if runs.find_run(_database, run_id).status in runs.ACTIVE:
        st.caption("The writer drafts; the prompt then stands under Prompt.")
        return
    if st.session_state.pop(_DRAFT, None) == run_id:
        try:
            _keep(_database, run_id, path)
        except PromptgridError as error:
            announce_error(error)
        st.rerun()


def _keep(database: Database, run_id: str, path: Path) -> None:
    """Saves the draft under a free name and selects it. Raises PlanError or LibraryError."""
    row = next(results.result_rows(database, run_id))
    cases = read_table(path).cases
    made = drafted(st.session_state[_NAME], str(row.inputs["description"]), cases, row.output or "")
    library().save(made, None)
    st.query_params["prompt"] = made.name
    st.session_state.pop("improve_prompt", None)

    def take_back() -> None:
        library().delete(made.name)

    offer_undo(PAGE, f"Drafted {made.name}.", take_back)
