"""Runs the runner process: it carries out queued runs from the database until it has been idle for a while.

It has its own process session, so that Ctrl+C in the dashboard's terminal does not reach it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from promptgrid import connections, files, loop, paths
from promptgrid.calls.shared import shared_by_loop
from promptgrid.calls.unsaved import recover_others
from promptgrid.errors import StoreError
from promptgrid.runner.carry_out import carry_out
from promptgrid.runner.lock import Holder, RunnerLock, settings_digest
from promptgrid.runner.presence import available, needed, presence
from promptgrid.store import Database, commits, runs

IDLE_S = 600.0
_POLL_S = 0.3
_WAIT_FOR_LOCK_S = 30.0
_SILENT_S = 10.0  # a runner sends a heartbeat every second; without one for this long it is dead
_STOP = "runner.stop"

log = logging.getLogger("promptgrid.runner")


def tune() -> None:
    """Sets up the Python interpreter for thousands of replies a second: the garbage collector runs less often, and
    threads switch more often so that the thread that reads replies does not wait."""
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(0.001)


_signals: list[int] = []


def heed_signals() -> None:
    """Makes SIGTERM, SIGHUP and SIGINT stop `serve`, which first pauses its runs and waits for their calls in flight. A
    second signal abandons these calls."""
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: _signals.append(number))


def serve(database: Database, *, idle_s: float = IDLE_S, wait_s: float = _WAIT_FOR_LOCK_S) -> None:
    """Carries out queued runs until there was none for `idle_s` seconds, or until another process or a signal asks it
    to leave. Waits at most `wait_s` seconds for another runner of the data folder to end."""
    lock = RunnerLock()
    while not _signals and lock.acquire_in_turn(wait_s=wait_s):
        try:
            loop.run_sync(_serve(database, lock.folder, idle_s))
        finally:
            lock.release()
        # A process that queued a run between the last poll and the release saw this runner and started none.
        if _signals or not commits.waiting_runs(database):
            return


def serve_on(database: Database, *, on_wait: Callable[[Holder], object] = lambda holder: None) -> None:
    """Carries out queued runs until a signal comes. When another process asks it to leave, it takes its turn after that
    process. `on_wait` is called, once each time, with the process that it waits for."""
    while not _signals:
        if holder := RunnerLock().holder():
            on_wait(holder)
            while not _signals and RunnerLock().holder():
                time.sleep(_POLL_S)
        serve(database, idle_s=math.inf, wait_s=_POLL_S)
        time.sleep(_POLL_S)


async def _serve(database: Database, folder: Path, idle_s: float) -> None:
    async with presence(database):
        await asyncio.to_thread(recover_others, database, ())  # what it had received when another host took its runs
        await _serve_runs(database, folder, idle_s)


async def _serve_runs(database: Database, folder: Path, idle_s: float) -> None:
    working: dict[str, asyncio.Task[None]] = {}
    clock = asyncio.get_running_loop()
    needed_at = clock.time()
    endpoints: dict[str, set[str]] = {}
    stop = folder / _STOP
    stop.unlink(missing_ok=True)
    while clock.time() - needed_at < idle_s:
        if _signals:
            await _leave(database, working)
            return
        try:
            waiting = await asyncio.to_thread(_fitting, database, endpoints)
        except StoreError as error:  # runs in progress report their own errors
            log.error("%s", error)
            await asyncio.sleep(_POLL_S)
            continue
        working = {run_id: task for run_id, task in working.items() if not task.done()}
        for run_id in waiting:
            if run_id not in working:
                working[run_id] = asyncio.create_task(_carry_out(database, run_id))
        if working:
            needed_at = clock.time()
        elif stop.exists():
            stop.unlink(missing_ok=True)
            return
        await asyncio.sleep(_POLL_S)


def _fitting(database: Database, endpoints: dict[str, set[str]]) -> list[str]:
    """Returns the ids of the waiting runs that this process should carry out: on a server, where other hosts may be,
    only those whose endpoints it has. `endpoints` keeps the names of what each run needs, by its id."""
    waiting = commits.waiting_runs(database)
    if database.is_file or not waiting:
        return waiting
    there = available()
    for run_id in waiting:
        if run_id not in endpoints:
            endpoints[run_id] = needed(database, run_id)
            if missing := endpoints[run_id] - there:
                log.warning("run %s is left to a host that has the endpoint %s", run_id, ", ".join(sorted(missing)))
    return [run_id for run_id in waiting if endpoints[run_id] <= there]


async def _leave(database: Database, working: Mapping[str, asyncio.Task[None]]) -> None:
    """Pauses the runs in `working`, which has the task of each by run id, and waits until they have ended; a second
    signal abandons their calls in flight."""
    log.info("signal %d: pausing %d runs", _signals[0], len(working))
    while left := [run_id for run_id, task in working.items() if not task.done()]:
        stop = abandon if len(_signals) > 1 else partial(runs.ask, wanted="pause")
        for run_id in left:
            with suppress(StoreError, commits.Fenced):  # tried again
                await asyncio.to_thread(stop, database, run_id)
        await asyncio.sleep(_POLL_S)


def abandon(database: Database, run_id: str) -> bool:
    """Pauses the run at once: its runner then abandons the calls in flight. Returns whether the run was in progress."""
    status, epoch = commits.status_and_epoch(database, run_id)
    if status not in runs.ACTIVE:
        return False
    commits.end(database, run_id, epoch, "paused")
    return True


async def _carry_out(database: Database, run_id: str) -> None:
    """Carries out one run. A bug in Promptgrid stops only this run and is logged; the other runs continue."""
    try:
        status = await carry_out(database, run_id, connect=connections.connect)
        log.info("run %s: %s", run_id, status)
    except commits.Fenced:
        log.warning("run %s was taken over by another runner", run_id)
        await asyncio.to_thread(recover_others, database, shared_by_loop().run_ids)  # paid for before that
        await _silence(database, run_id)  # taking it back at once would interrupt the other runner
    except StoreError as error:
        log.error("run %s: %s", run_id, error)
        await asyncio.sleep(5)  # retries later: an error such as a full disk may be resolved by then
    except Exception as error:
        log.exception("run %s stopped", run_id)
        message = f"Promptgrid failed: {type(error).__name__}. The log {log_path()} has the details."
        epoch = await asyncio.to_thread(commits.claim, database, run_id)
        await asyncio.to_thread(commits.end, database, run_id, epoch, "stopped", message)


async def _silence(database: Database, run_id: str) -> None:
    """Waits until the runner that has taken the run over from this process has stored no heartbeat for some seconds.
    Measures by this machine's clock, since the other runner's may differ."""
    clock = asyncio.get_running_loop()
    heartbeat: float | None = None
    changed_at = clock.time()
    while clock.time() - changed_at < _SILENT_S:
        await asyncio.sleep(_POLL_S)
        info = await asyncio.to_thread(runs.find_run, database, run_id)
        if info.heartbeat != heartbeat:
            heartbeat, changed_at = info.heartbeat, clock.time()


def log_path() -> Path:
    return paths.data_folder() / "runner.log"


def ensure_runner() -> None:
    """Starts a runner for this data folder unless one with the same endpoints and keys exists.

    A runner with other settings is asked to leave when it is idle; the new runner waits until it has left.
    """
    lock = RunnerLock()
    holder = lock.holder()
    if (holder is not None and holder.stays and holder.settings == settings_digest()) or lock.awaited:
        return
    if holder is not None and holder.stays:
        ask_to_leave()
    _start()


def ask_to_leave() -> None:
    """Asks the runner process to exit: an idle one exits within a second, a busy one when its runs have ended."""
    path = paths.data_folder() / _STOP
    with paths.writing(path):
        path.touch(mode=0o600)


def _start() -> None:
    with paths.writing(log_path()), open(log_path(), "a", opener=files.private) as output:
        # -P: modules come from the installation, not from the folder where Promptgrid is started
        command = [sys.executable, "-P", "-m", "promptgrid.runner"]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
