"""Starting and following runs: what pages, the command line and the library call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from promptgrid import connections
from promptgrid.grid import Plan
from promptgrid.preflight import Preflight, plan_cells
from promptgrid.preflight import preflight as sheet
from promptgrid.runner.carry_out import carry_out
from promptgrid.runner.lock import RunnerLock
from promptgrid.runner.process import ask_to_leave, ensure_runner
from promptgrid.store import Database, runs, work
from promptgrid.store.runs import ACTIVE, Progress, RunInfo

_TICK_S = 0.25
_LEAVE_S = 1.5

Watch = Callable[[], object]


def preflight(database: Database, plan: Plan) -> Preflight:
    """The plan's sheet, with what is answered and how fast each model was lately taken from the database."""

    def speed(ref: str) -> float | None:
        name, model = connections.split_model(ref)
        one = work.seconds_per_reply(database, name, model)
        allowed = connections.connect(name).concurrency
        return None if one is None else one / (allowed if allowed == 1 else plan.concurrency or allowed)

    return sheet(plan, lambda keys: work.stored_replies(database, keys).keys(), speed)


def submit(database: Database, plan: Plan, *, name: str = "") -> str:
    """Queues the plan as a run and returns its id; nothing is sent yet. Raises PlanError or PromptError."""
    plan.check_variables()
    return runs.create_run(database, plan, plan_cells(plan), name=name)


def start(database: Database, plan: Plan, *, name: str = "") -> str:
    """Queues the plan and sees to it that a runner process carries it out. Returns the run's id."""
    run_id = submit(database, plan, name=name)
    ensure_runner()
    return run_id


def resume(database: Database, run_id: str) -> None:
    """Goes on with a paused, stopped or cancelled run, or retries the failed cells of a finished one."""
    runs.ask(database, run_id, "resume")
    ensure_runner()


@contextmanager
def carried_out_here(database: Database, run_id: str) -> Iterator[Watch]:
    """Carries the run out in this process while the block watches it; by the runner process when that one is busy.

    Yields what `follow` wants to know: it raises what went wrong in here, so that nobody waits for a run that has died.
    A runner with nothing to do is asked to leave first, so that what this process knows of keys and endpoints counts.
    """
    lock = RunnerLock()
    if lock.holder() is not None:
        ask_to_leave()
    if not lock.acquire(wait_s=_LEAVE_S, stays=False):
        yield lambda: None
        return
    carrying = connections.start(carry_out(database, run_id, connect=connections.connect))
    try:
        yield lambda: carrying.result() if carrying.done() else None
        carrying.result()
    finally:
        lock.release()


def follow(database: Database, run_id: str, watch: Watch) -> Iterator[tuple[RunInfo, Progress]]:
    """The run's state four times a second until it has ended (that state is the last)."""
    while True:
        watch()
        info = runs.find_run(database, run_id)
        yield info, runs.progress(database, run_id)
        if info.status not in ACTIVE:
            return
        time.sleep(_TICK_S)
