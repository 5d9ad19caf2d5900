"""Carries a run out in the process of a command, and follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress

from promptgrid import connections, loop
from promptgrid.runner.carry_out import carry_out
from promptgrid.runner.lock import RunnerLock
from promptgrid.runner.presence import presence
from promptgrid.runner.process import ask_to_leave
from promptgrid.store import Database, runs
from promptgrid.store.commits import Fenced
from promptgrid.store.runs import ACTIVE, RunInfo, RunProgress, RunStatus

_TICK_S = 1.0
_LEAVE_S = 1.5
_END_S = 10.0

Watch = Callable[[float], object]


@contextmanager
def carried_out_here(database: Database, run_id: str) -> Iterator[Watch]:
    """Carries the run out in this process while the block runs, as soon as no other process carries out runs.

    Yields the function `watch` that `follow` needs. `watch(seconds)` waits at most that long for the run's end in this
    process, and raises the error that ended the run. If another process or another host carries out the run, `watch`
    takes the run over once that one has exited before finishing it. If the block ends early, for example by Ctrl+C, the
    run is paused. An idle runner is asked to leave first, so that the keys and endpoints of this process apply.
    """
    lock = RunnerLock()
    holder = lock.holder()
    if holder is not None and holder.stays:
        ask_to_leave()
    carrying: Future[RunStatus] | None = None

    def watch(wait_s: float = 0.0) -> None:
        nonlocal carrying
        if carrying is not None:
            if wait({carrying}, wait_s).done:
                try:
                    carrying.result()
                except Fenced:
                    if database.is_file:
                        raise
                    carrying = None  # another host has the run
                    lock.release()
        elif runs.find_run(database, run_id).status in ACTIVE and lock.acquire(wait_s=wait_s, stays=False):
            carrying = loop.start(_carry_out(database, run_id))

    watch(_LEAVE_S)
    try:
        yield watch
        if carrying is not None:
            carrying.result()
    except BaseException:
        _pause(database, run_id, carrying)
        raise
    finally:
        if carrying is not None:
            lock.release()


async def _carry_out(database: Database, run_id: str) -> RunStatus:
    async with presence(database):
        return await carry_out(database, run_id, connect=connections.connect)


def _pause(database: Database, run_id: str, carrying: Future[RunStatus] | None) -> None:
    """Pauses the run, so that nothing is spent after the command has ended. `carrying` is the future of the run if this
    process carries it out (None: it does not); waits at most `_END_S` seconds for its end."""
    runs.ask(database, run_id, "pause")
    if carrying is not None:
        with suppress(Exception):  # the error that ended the block is reported instead
            carrying.result(timeout=_END_S)


def follow(database: Database, run_id: str, watch: Watch) -> Iterator[tuple[RunInfo, RunProgress]]:
    """Yields the run and its progress about once a second; the last pair is the final state. `watch` comes from
    `carried_out_here`."""
    watch(0.0)
    while True:
        info = runs.find_run(database, run_id)
        yield info, runs.progress(database, run_id)
        if info.status not in ACTIVE:
            return
        watch(_TICK_S)
