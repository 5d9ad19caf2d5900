"""The first call of every page: its frame, and what the foot of the frame says."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st

from promptgrid import builtin
from promptgrid.connections import BUILTIN, DEFAULT_MODEL
from promptgrid.errors import PromptgridError
from promptgrid.runner.process import ensure_runner
from promptgrid.store import runs
from promptgrid.ui import links
from promptgrid.ui.server import database, endpoints, fetching, low_disk, watching
from promptgrid.ui.shell import foot
from promptgrid.ui.shell.frame import FootLine, start_page

CHECK_AGAIN_S = 60.0


def open_page(title: str, *, blind: bool = False) -> None:
    """The first call of every page: the frame, what goes on in the background, and a stop where nothing can work.

    On a `blind` page the frame names no model.
    """
    try:
        database()
    except PromptgridError as error:
        start_page(title)
        st.error(str(error))
        st.stop()
    known = endpoints()
    if time.monotonic() - known.checked > CHECK_AGAIN_S:
        known.refresh()
    fetching()
    watching()
    run = runs.active_run(database())
    if run is not None:
        ensure_runner()
    start_page(title, footer=footer(blind=blind), beneath=partial(foot.run_line, database(), run) if run else None)
    foot.announce_ended_runs(database())


def footer(*, blind: bool = False) -> list[FootLine]:
    """One line for the endpoints, unless that is not to be seen, and one for a disk that is nearly full."""
    lines = [] if blind else [_endpoint_line()]
    if free := low_disk():
        lines.append(FootLine(f"disk nearly full, {free} free", "mind", links.SETTINGS))
    return lines


def _endpoint_line() -> FootLine:
    download, known = fetching(), endpoints()
    if download.running and not builtin.status().ready:
        return FootLine(f"fetching the built-in model, {100 * download.done // download.total} %", "busy")
    if down := [s.name for s in known.states.values() if not s.ok and s.name != BUILTIN]:
        return FootLine(f"{', '.join(down)}: not reachable", "mind", links.SETTINGS)
    if builtin.status().ready:
        others = len(known.states) - 1
        return FootLine(f"{DEFAULT_MODEL.replace('/', ' · ')} ready" + (f" + {others} more" if others else ""))
    return FootLine("the built-in model is not here", "mind", links.SETTINGS)
