"""The selector for the run that a page shows."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from promptgrid.errors import StoreError
from promptgrid.humanize import many, moment
from promptgrid.runner.phrases import STATUS_WORDS
from promptgrid.store import Database, runs
from promptgrid.store.runs import RunInfo
from promptgrid.ui import links
from promptgrid.ui.links import follow_address
from promptgrid.ui.widgets.feedback import empty_state, show_error
from promptgrid.ui.widgets.fields import keep_selection


def choose_run(database: Database, page: str, *, detail: str, on_change: Callable[[], None] | None = None) -> RunInfo:
    """Draws the selector of the run and returns the selected one: at first the one in the address (`?run=`), or else
    the newest. `on_change` is called without arguments when the user selects another run.

    The key of the widget is `PAGE_run`. If there are no runs, says so, with `detail` as the sentence on what the page
    is for, and stops the page. If the address names a run that does not exist, says so and stops the page until the
    user selects one; the address stays, so a refresh says the same.
    """
    listed = {run.id: run for run in runs.list_runs(database)}
    from_address = st.query_params.get("run", "")
    if from_address and from_address not in listed:
        from_address = _add_unlisted(database, from_address, listed)
    if not listed:
        no_runs(page, detail)
        st.stop()
    key = f"{page}_run"
    follow_address(key)
    first = from_address or next(iter(listed))
    keep_selection(key, listed, first if first in listed else None)
    if st.session_state[key] is None:
        show_error(StoreError(f'There is no run "{from_address}".', hint="Choose another."))
    selected = st.selectbox(
        "Run",
        list(listed),
        format_func=lambda run_id: run_label(listed[run_id]),
        key=key,
        label_visibility="collapsed",
        on_change=on_change,
        placeholder="Choose a run",
    )
    if selected is None:
        st.stop()
    return listed[selected]


def no_runs(key: str, detail: str) -> None:
    """Says that there are no runs yet, with `detail` as the sentence on what they are for, above a button to the page
    Run, whose key is `KEY_to_run`."""
    if empty_state("No runs yet", "Set up a run", f"{key}_to_run", detail=detail):
        st.switch_page(links.RUN)


def _add_unlisted(database: Database, run_id: str, listed: dict[str, RunInfo]) -> str:
    """Adds the run whose id begins with `run_id`, which is too old for the list or deleted, to `listed` (runs by id).
    Returns its id; `run_id` as it is if there is no such run."""
    try:
        run = runs.find_run(database, run_id)
    except StoreError:
        return run_id
    listed[run.id] = run
    links.set_parameter("run", run.id)
    return run.id


def run_label(run: RunInfo) -> str:
    """Returns the run's name, time, size, status and id in one line. It is not escaped, because a selectbox shows its
    options literally."""
    state = "deleted" if run.deleted else STATUS_WORDS[run.status]
    star = "★ " if run.favourite else ""
    return f"{star}{run.name} · {moment(run.created)} · {many(run.total, 'cell')} · {state} · {run.id}"


def time_and_id(run: RunInfo) -> str:
    """Returns the time and the id of the run in one line: two runs may have the same name."""
    return f"{moment(run.created)} · {run.id}"
