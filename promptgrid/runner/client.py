"""Starting and following runs: what pages, the command line and the library call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

from promptgrid import connections, grid
from promptgrid.grid import Plan
from promptgrid.preflight import Preflight, plan_points
from promptgrid.preflight import preflight as sheet
from promptgrid.runner.carry_out import carry_out
from promptgrid.runner.lock import RunnerLock
from promptgrid.runner.process import ask_to_leave, ensure_runner
from promptgrid.store import Database, creation, runs, work
from promptgrid.store.plans import as_stored
from promptgrid.store.runs import ACTIVE, Progress, RunInfo, RunStatus

_TICK_S = 0.25
_LEAVE_S = 1.5
_END_S = 10.0

Watch = Callable[[], object]


def preflight(database: Database, plan: Plan) -> Preflight:
    """The plan's sheet, with what is answered and how fast each model was lately taken from the database."""

    def speed(ref: str) -> float | None:
        name, model = connections.split_model(ref)
        one = work.seconds_per_reply(database, name, model)
        allowed = connections.connect(name).concurrency
        return None if one is None else one / (allowed if allowed == 1 else plan.concurrency or allowed)

    return sheet(plan, lambda keys: work.stored_samples(database, keys), speed)


def submit(database: Database, plan: Plan, *, name: str = "") -> str:
    """Queues the plan as a run and returns its id; nothing is sent yet. Raises PlanError or PromptError."""
    plan = as_stored(plan)
    plan.check_variables()
    decided = grid.decide(plan)
    return creation.create_run(database, plan, decided, plan_points(plan, decided), name=name)


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
    """Carries the run out in this process while the block watches it, as soon as no other process carries runs out.

    Yields what `follow` calls at every look: it raises what went wrong in here, and takes over from a runner that ended
    before the run did. A block that ends early, by Ctrl+C say, leaves the run paused.
    A runner with nothing to do is asked to leave first, so that what this process knows of keys and endpoints counts.
    """
    lock = RunnerLock()
    holder = lock.holder()
    if holder is not None and holder.stays:
        ask_to_leave()
    carrying: Future[RunStatus] | None = None

    def watch(wait_s: float = 0.0) -> None:
        nonlocal carrying
        if carrying is not None:
            if carrying.done():
                carrying.result()
        elif runs.find_run(database, run_id).status in ACTIVE and lock.acquire(wait_s=wait_s, stays=False):
            carrying = connections.start(carry_out(database, run_id, connect=connections.connect))

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


def _pause(database: Database, run_id: str, carrying: Future[RunStatus] | None) -> None:
    """Nothing keeps spending when nobody looks any more."""
    runs.ask(database, run_id, "pause")
    if carrying is not None:
        with suppress(Exception):  # what it ended with is not what the user is told about
            carrying.result(timeout=_END_S)


def follow(database: Database, run_id: str, watch: Watch) -> Iterator[tuple[RunInfo, Progress]]:
    """The run's state four times a second until it has ended (that state is the last)."""
    while True:
        watch()
        info = runs.find_run(database, run_id)
        yield info, runs.progress(database, run_id)
        if info.status not in ACTIVE:
            return
        time.sleep(_TICK_S)
