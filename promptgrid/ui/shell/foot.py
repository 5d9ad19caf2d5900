"""The active run at the bottom of the sidebar, and a toast when the run ends."""

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
    """Draws the progress of the run and redraws it every few seconds. After its end, shows its final status."""
    announce_end(run)

    def draw() -> None:
        announce_ended_runs(database)
        with suppress(StoreError):  # the run was removed
            draw_foot_line(_line(database, run.id))

    st.fragment(draw, run_every=TICK_S)()


def _line(database: Database, run_id: str) -> FootLine:
    info, progress = runs.find_run(database, run_id), runs.progress(database, run_id)
    query = {"run": run_id}
    if info.status in ACTIVE:
        return FootLine(f"{100 * progress.done // max(progress.total, 1)} % {info.name}", "busy", links.RUN, query)
    state: FootState = "ok" if progress.by_status == {"answered": progress.total} else "mind"
    return FootLine(f"{phrases.STATUS_WORDS[info.status]}: {info.name}", state, links.RUN, query)


def announce_ended_runs(database: Database) -> None:
    """Shows a toast for each run that was active earlier in this session and has since finished or stopped.

    A cancelled or deleted run gets no toast.
    """
    run_ids: set[str] = st.session_state.get(RUNS_TO_ANNOUNCE, set())
    for run_id in sorted(run_ids):
        try:
            info = runs.find_run(database, run_id)
        except StoreError:  # the run was removed
            run_ids.discard(run_id)
            continue
        if info.status not in ACTIVE:
            run_ids.discard(run_id)
            if info.status in ("finished", "stopped") and not info.deleted:
                outcome = phrases.ended(info, runs.progress(database, run_id))
                st.toast(f"{plain(info.name, limit=60)} is {plain(outcome)}", duration="long")
