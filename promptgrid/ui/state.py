"""What all pages share and no page owns: the database, the library, the endpoints' state, the weights' download.

Streamlit's session state holds only what is on the screen; everything in here lives as long as the server.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import streamlit as st

from promptgrid import builtin, connections, paths, words
from promptgrid.connections import BUILTIN, DEFAULT_MODEL, EndpointState
from promptgrid.errors import PromptgridError
from promptgrid.library import Library, library_folder
from promptgrid.runner import client
from promptgrid.runner.process import ensure_runner
from promptgrid.store import Database, runs
from promptgrid.ui import foot
from promptgrid.ui.frame import FootLine, start_page

logger = logging.getLogger(__name__)

CHECK_AGAIN_S = 60.0
LOW_DISK_BYTES = 200_000_000
_SAY_EVERY = 10  # per cent of the download, in the terminal


@st.cache_resource
def database() -> Database:
    """The one database of this server. Raises StoreError, which `open_page` shows."""
    return Database()


def library() -> Library:
    """The folder of prompts; what was read of it is kept, and read again when a file has changed."""
    return _library(library_folder())


@st.cache_resource
def _library(folder: Path) -> Library:
    return Library(folder)


@dataclass
class Fetching:
    """The download of the built-in model's weights, in the background; `error` is what ended it, if anything did."""

    done: int = 0
    total: int = 1
    error: PromptgridError | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begins unless it is under way; with the weights here the server is started, so the first reply is quick."""
        with self._lock:
            if not self.running:
                self.error = None
                self._thread = threading.Thread(target=self._fetch, name="fetch-weights", daemon=True)
                self._thread.start()

    def _fetch(self) -> None:
        said = 0

        def advance(done: int, total: int) -> None:
            nonlocal said
            self.done, self.total = done, total
            if 100 * done // total >= said + _SAY_EVERY:
                said = 100 * done // total
                logger.warning("Fetching the built-in model: %d of %d MB", round(done / 1e6), round(total / 1e6))

        try:
            builtin.fetch(advance)
            builtin.warm()
        except PromptgridError as error:
            logger.warning("%s", error)
            self.error = error


@st.cache_resource
def fetching() -> Fetching:
    """The download, one a server. It begins with the first page, if there is anything to fetch."""
    download = Fetching()
    if builtin.status().supported:
        download.start()
    return download


@dataclass
class Endpoints:
    """What is known of each endpoint, asked in the background so that a dead one does not hold up a page."""

    states: dict[str, EndpointState] = field(default_factory=dict)
    error: PromptgridError | None = None  # endpoints.toml cannot be read, say
    checked: float = 0.0
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "check-endpoint"))

    def refresh(self, *, wait: bool = False) -> None:
        """Asks all of them again, if `wait` until they have answered (at most about five seconds)."""
        self.checked = time.monotonic()
        try:
            names, self.error = connections.endpoint_names(), None
        except PromptgridError as error:
            names, self.error = [BUILTIN], error
        self.states = {name: state for name, state in self.states.items() if name in names}
        asked = [self._pool.submit(self._check, name) for name in names]
        if wait:
            for one in asked:
                one.result()

    def _check(self, name: str) -> None:
        try:
            self.states[name] = connections.check(name)
        except PromptgridError as error:
            self.states[name] = EndpointState(name, False, str(error))


@st.cache_resource
def endpoints() -> Endpoints:
    """The endpoints' state, one a server; a first look is waited for."""
    known = Endpoints()
    known.refresh(wait=True)
    return known


def model_refs() -> list[str]:
    """ENDPOINT/MODEL of everything that can be chosen, the built-in model first."""
    listed = [f"{state.name}/{model}" for state in endpoints().states.values() for model in state.models]
    return list(dict.fromkeys([DEFAULT_MODEL, *listed]))


@st.cache_resource
def watching() -> threading.Thread:
    """Sees to it, as long as this server lives, that a runner works on active runs: one that was killed leaves some."""
    thread = threading.Thread(target=client.watch_over, name="watch-over-runs", daemon=True)
    thread.start()
    return thread


def low_disk() -> str:
    """How much room is left, as `120 MB`, where the data folder's disk is nearly full; else ""."""
    free = shutil.disk_usage(paths.data_folder()).free
    return words.size(free) if free < LOW_DISK_BYTES else ""


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
    foot.tell_what_ended(database())


def footer(*, blind: bool = False) -> list[FootLine]:
    """One line for the endpoints, unless that is not to be seen, and one for a disk that is nearly full."""
    lines = [] if blind else [_endpoint_line()]
    if free := low_disk():
        lines.append(FootLine(f"disk nearly full, {free} free", "mind", "pages/5_Settings.py"))
    return lines


def _endpoint_line() -> FootLine:
    download, known = fetching(), endpoints()
    if download.running and not builtin.status().ready:
        return FootLine(f"fetching the built-in model, {100 * download.done // download.total} %", "busy")
    if down := [s.name for s in known.states.values() if not s.ok and s.name != BUILTIN]:
        return FootLine(f"{', '.join(down)}: not reachable", "mind", "pages/5_Settings.py")
    if builtin.status().ready:
        others = len(known.states) - 1
        return FootLine(f"{DEFAULT_MODEL.replace('/', ' · ')} ready" + (f" + {others} more" if others else ""))
    return FootLine("the built-in model is not here", "mind", "pages/5_Settings.py")
