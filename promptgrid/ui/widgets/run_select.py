"""The run that a page is about: chosen from a list, or named by the address."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from promptgrid.errors import StoreError
from promptgrid.humanize import many, moment
from promptgrid.runner.phrases import STATUS_WORDS
from promptgrid.store import Database, runs
from promptgrid.store.runs import RunInfo
from promptgrid.ui import links
from promptgrid.ui.widgets.choices import hold
from promptgrid.ui.widgets.feedback import empty_state, show_error


def choose_run(database: Database, page: str, *, detail: str, on_change: Callable[[], None] | None = None) -> RunInfo:
    """The selector, at the run of the address (`?run=`), else at the newest.

    Stops the page where there is no run; `detail` then says what the page would show. The widget's key is `PAGE_run`.
    """
    known = {run.id: run for run in runs.list_runs(database)}
    asked = st.query_params.get("run", "")
    if asked and asked not in known:
        _add_asked(database, asked, known)
    if not known:
        if empty_state("No runs yet", "Set up a run", f"{page}_to_run", detail=detail):
            st.switch_page(links.RUN)
        st.stop()
    key = f"{page}_run"
    hold(key, known, asked if asked in known else next(iter(known)))
    chosen = st.selectbox(
        "Run",
        list(known),
        format_func=lambda run_id: run_label(known[run_id]),
        key=key,
        label_visibility="collapsed",
        on_change=on_change,
    )
    return known[chosen]


def _add_asked(database: Database, asked: str, known: dict[str, RunInfo]) -> None:
    """A run that is not in the list: too old for it, or deleted. One that is nowhere is said."""
    try:
        run = runs.find_run(database, asked)
    except StoreError:
        show_error(StoreError(f'There is no run "{asked}".', hint="Choose one below."))
        st.query_params.clear()
    else:
        known[run.id] = run
        st.query_params["run"] = run.id


def run_label(run: RunInfo) -> str:
    """Name, time, size and state. Not escaped: the options of a selectbox are shown as they are."""
    state = "deleted" if run.deleted else STATUS_WORDS[run.status]
    return f"{run.name} · {moment(run.created)} · {many(run.total, 'cell')} · {state} · {run.id}"


def run_moment(run: RunInfo) -> str:
    """What tells it from another run of the same name: when it was made, and its id."""
    return f"{moment(run.created)} · {run.id}"
