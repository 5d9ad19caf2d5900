"""The objects that all pages share: the database, the library, the state of the endpoints, the download of the weights,
and calls that end with their tab.

These objects exist as long as the server. Streamlit's session state holds only what is on the screen.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from promptgrid import builtin, connections, humanize, loop, paths, tokens
from promptgrid.connections import BUILTIN, DEFAULT_MODEL, EndpointState
from promptgrid.errors import PromptgridError
from promptgrid.library.folder import Library, library_folder
from promptgrid.loop import Background
from promptgrid.prompt import Prompt
from promptgrid.runner import client
from promptgrid.store import Database, stored_replies

logger = logging.getLogger(__name__)

_LOG_EVERY = 10  # per cent of the download
GRACE_S = 15.0  # a refresh, which begins another session, takes less
_CHECK_S = 1.0


@st.cache_resource
def database() -> Database:
    """Returns the database of this server. Raises StoreError, which `open_page` shows."""
    return Database()


def library() -> Library:
    """Returns the folder of prompts, which caches files and reads them again after a change."""
    return _library(library_folder())


@cache
def _library(folder: Path) -> Library:
    return Library(folder)


def prompts() -> dict[str, Prompt]:
    """Returns the prompts of the library by name, without those whose file is broken."""
    return {entry.name: entry.prompt for entry in library().entries() if entry.prompt}


@dataclass
class WeightsDownload:
    """The download of the built-in model's weights, in a background thread: `done` of `total` bytes. `error` is what
    stopped the last attempt, or None."""

    done: int = 0
    total: int = 1
    error: PromptgridError | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Starts the download unless it is in progress. After the download, the model's server starts too."""
        with self._lock:
            if not self.running:
                self.error = None
                self._thread = threading.Thread(target=self._run, name="download-weights", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        logged_percent = 0

        def advance(done: int, total: int) -> None:
            nonlocal logged_percent
            self.done, self.total = done, total
            if 100 * done // total >= logged_percent + _LOG_EVERY:
                logged_percent = 100 * done // total
                logger.warning("Downloading the built-in model: %d of %d MB", round(done / 1e6), round(total / 1e6))

        try:
            builtin.fetch(advance)
            builtin.warm()
        except PromptgridError as error:
            logger.warning("%s", error)
            self.error = error


@st.cache_resource
def weights_download() -> WeightsDownload:
    """Returns the download, one per server. The first call starts the download if the weights are missing."""
    download = WeightsDownload()
    if builtin.status().supported:
        download.start()
    return download


@st.cache_resource(ttl=30, max_entries=64)
def token_counter(model_ref: str) -> tokens.Counter:
    """Returns the counter of the model, corrected by its latest replies as of 30 seconds ago. Raises PlanError."""
    usage = stored_replies.reported_usage(database(), *connections.split_model(model_ref))
    return tokens.corrected_counter(model_ref, usage)


def answers_now(model: str) -> bool:
    """Returns whether the model can answer at once: False only if it is the built-in one and its weights are not
    downloaded yet."""
    return not model.startswith(f"{BUILTIN}/") or builtin.status().ready


@dataclass
class Endpoints:
    """The state of each endpoint, by name. Checked in the background, so that an endpoint that does not answer delays
    no page. `error` is the error of endpoints.toml, if it cannot be read."""

    states: dict[str, EndpointState] = field(default_factory=dict)
    error: PromptgridError | None = None  # for example, endpoints.toml cannot be read
    checked: float = 0.0
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "check-endpoint"))

    def refresh(self, *, wait: bool = False) -> None:
        """Checks all endpoints again in the background. With `wait`, returns only after the last result, within about
        five seconds."""
        self.checked = time.monotonic()
        try:
            names, self.error = connections.endpoint_names(), None
        except PromptgridError as error:
            names, self.error = [BUILTIN], error
        self.states = {name: state for name, state in self.states.items() if name in names}
        checks = [self._pool.submit(self._check, name) for name in names]
        if wait:
            for check in checks:
                check.result()

    def _check(self, name: str) -> None:
        try:
            self.states[name] = connections.check(name)
        except PromptgridError as error:
            self.states[name] = EndpointState(name, False, str(error))


@st.cache_resource
def endpoints() -> Endpoints:
    """Returns the state of the endpoints, one object per server. The first call waits until all endpoints have been
    checked."""
    all_endpoints = Endpoints()
    all_endpoints.refresh(wait=True)
    return all_endpoints


def model_refs(*more: str) -> list[str]:
    """Returns the models to choose from as ENDPOINT/MODEL: the built-in one, those that endpoints list, and `more`."""
    served = [f"{state.name}/{model}" for state in endpoints().states.values() for model in state.models]
    tuned = [f"{BUILTIN}/{name}" for name in builtin.names()] if builtin.status().ready else []
    known = [ref for ref in served if not (tuned and ref.startswith(f"{BUILTIN}/"))]  # a deleted one is still listed
    return list(dict.fromkeys([DEFAULT_MODEL, *tuned, *known, *more]))


@st.cache_resource
def runner_watchdog() -> threading.Thread:
    """Starts, once per server, a thread that starts a runner whenever active runs have none; returns the thread."""
    thread = threading.Thread(target=client.watch_over, name="watch-over-runs", daemon=True)
    thread.start()
    return thread


def scarce_disk_space() -> str:
    """Returns the free space on the disk of the data folder, such as `120 MB`, if the disk is nearly full; else ""."""
    free = paths.free_bytes(paths.data_folder())
    return humanize.size(free) if free < paths.LOW_DISK_BYTES else ""


def stop_when_left(call: Background) -> None:
    """Notes that this session shows the call. If no session shows it any more for `GRACE_S` seconds, because each has
    ended (its tab was closed), stops the call, as the button Stop does."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        is_first = not call.viewers
        call.viewers.add(context.session_id)
        if is_first:
            loop.start(_watch(call))


async def _watch(call: Background) -> None:
    seen = time.monotonic()
    while call.running:
        await asyncio.sleep(_CHECK_S)
        if any(map(is_open, list(call.viewers))):
            seen = time.monotonic()
        elif time.monotonic() - seen > GRACE_S:
            call.stop()
            return


def is_open(session_id: str) -> bool:
    """Returns whether a tab of a browser shows the session now."""
    return runtime.exists() and runtime.get_instance().is_active_session(session_id)
