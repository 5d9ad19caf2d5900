"""The function that every page calls first."""

from __future__ import annotations

import time

import streamlit as st

from promptgrid import builtin
from promptgrid.connections import BUILTIN, DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.runner.process import ensure_runner
from promptgrid.store import runs
from promptgrid.store.runs import RunInfo
from promptgrid.ui import links
from promptgrid.ui.links import take_address
from promptgrid.ui.server import database, endpoints, runner_watchdog, scarce_disk_space, weights_download
from promptgrid.ui.shell import foot
from promptgrid.ui.shell.frame import FootLine, frame
from promptgrid.ui.shell.keys import draw_keys
from promptgrid.ui.shell.presses import keep_every_press
from promptgrid.ui.widgets.feedback import showing_errors

CHECK_AGAIN_S = 60.0
DOWNLOAD_TICK_S = 2.0


def open_page(title: str, *, blind: bool = False) -> None:
    """Starts the background work of the server and draws the frame of the page. Stops the page if the database cannot
    be opened.

    With `blind`, the frame names no model: on the Judge page that would reveal where replies come from.
    """
    keep_every_press()
    take_address()
    try:
        run = runs.active_run(database())
    except PromptgridError as error:
        frame(title)
        st.error(str(error))
        st.stop()
    if time.monotonic() - endpoints().checked > CHECK_AGAIN_S:
        endpoints().refresh()
    runner_watchdog()
    frame(title, footer=footer(blind=blind), below=lambda: _follow(run))
    draw_keys()
    if run is not None:
        with showing_errors():
            ensure_runner()
    foot.announce_ended_runs(database())


def _follow(run: RunInfo | None) -> None:
    """Draws the active `run` at the bottom of the sidebar, and redraws the page when the built-in model's weights have
    come."""
    if _is_downloading():
        st.fragment(_redraw_after_download, run_every=DOWNLOAD_TICK_S)()
    if run is not None:
        foot.run_line(database(), run)


def _is_downloading() -> bool:
    return weights_download().running and not builtin.status().ready


def _redraw_after_download() -> None:
    if not _is_downloading():
        endpoints().refresh(wait=True)
        st.rerun()


def footer(*, blind: bool = False) -> list[FootLine]:
    """Returns the lines at the bottom of the sidebar: for the endpoints (not with `blind`, since they name models), and
    for a disk that is nearly full."""
    lines = [] if blind else [_endpoint_line()]
    if free_space := scarce_disk_space():
        lines.append(FootLine(f"disk nearly full, {free_space} free", "mind", links.SETTINGS))
    return lines


def _endpoint_line() -> FootLine:
    states = endpoints().states
    if _is_downloading():
        return FootLine("downloading the built-in model", "busy")
    if down := [state.name for state in states.values() if not state.ok and state.name != BUILTIN]:
        return FootLine(f"{', '.join(down)}: not reachable", "mind", links.SETTINGS)
    if builtin.status().ready:
        others = len(states) - 1
        return FootLine(f"{DEFAULT_MODEL.replace('/', ' · ')} ready" + (f" + {others} more" if others else ""))
    return FootLine("built-in model not installed", "mind", links.SETTINGS)
