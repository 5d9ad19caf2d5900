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
from pathlib import Path

import streamlit as st

from promptgrid import builtin, connections, humanize, paths
from promptgrid.connections import BUILTIN, DEFAULT_MODEL, EndpointState
from promptgrid.errors import PromptgridError
from promptgrid.library.folder import Library, library_folder
from promptgrid.runner import client
from promptgrid.store import Database

logger = logging.getLogger(__name__)

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
    return humanize.size(free) if free < LOW_DISK_BYTES else ""
