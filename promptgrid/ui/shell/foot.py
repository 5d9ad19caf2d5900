"""The run in progress at the foot of the sidebar, on every page; and the word when a run that was seen has ended."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from promptgrid.errors import StoreError
from promptgrid.runner import phrases
from promptgrid.store import Database, runs
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.ui import links
from promptgrid.ui.shell.frame import FootLine, FootState, draw_foot_line
from promptgrid.ui.widgets.follow_run import RUNS_TO_ANNOUNCE, announce_end
from promptgrid.ui.widgets.plain import plain

TICK_S = 3.0


def run_line(database: Database, run: RunInfo) -> None:
    """Draws how far the run is, again every few seconds; at its end, how it ended."""
    announce_end(run)

    def line() -> None:
        announce_ended_runs(database)
        with suppress(StoreError):  # removed for good
            draw_foot_line(_line(database, run.id))

    st.fragment(line, run_every=TICK_S)()


def _line(database: Database, run_id: str) -> FootLine:
    info, progress = runs.find_run(database, run_id), runs.progress(database, run_id)
    query = {"run": run_id}
    if info.status in ACTIVE:
        return FootLine(f"{100 * progress.done // max(progress.total, 1)} % {info.name}", "busy", links.RUN, query)
    state: FootState = "ok" if progress.by_status == {"answered": progress.total} else "mind"
    return FootLine(f"{phrases.STATUS_WORDS[info.status]}: {info.name}", state, links.RUN, query)


def announce_ended_runs(database: Database) -> None:
    """A toast for each run that ended since it was seen at work, once; none for one that somebody has ended."""
    watched: set[str] = st.session_state.get(RUNS_TO_ANNOUNCE, set())
    for run_id in sorted(watched):
        try:
            info = runs.find_run(database, run_id)
        except StoreError:  # removed for good
            watched.discard(run_id)
            continue
        if info.status not in ACTIVE:
            watched.discard(run_id)
            if info.status in ("finished", "stopped") and not info.deleted:
                said = phrases.ended(info, runs.progress(database, run_id))
                st.toast(f"{plain(info.name, limit=60)} is {plain(said)}", duration="long")
