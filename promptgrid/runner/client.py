"""Starting and following runs: what pages, the command line and the library call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace

from promptgrid import connections, grid, loop
from promptgrid.errors import PlanError, PromptgridError
from promptgrid.grid import Decided, Plan, WireVariant
from promptgrid.grid.planned_points import plan_points
from promptgrid.grid.preflight import EstimateTally, Preflight
from promptgrid.grid.preflight import preflight as sheet
from promptgrid.judging.scorers import model_check, pinned
from promptgrid.judging.scoring import slow_checks
from promptgrid.runner.carry_out import carry_out
from promptgrid.runner.lock import RunnerLock
from promptgrid.runner.process import ask_to_leave, ensure_runner
from promptgrid.store import Database, creation, plans, runs, stored_replies
from promptgrid.store.plans import as_stored
from promptgrid.store.runs import ACTIVE, RunInfo, RunProgress, RunStatus

_TICK_S = 1.0
_LEAVE_S = 1.5
_END_S = 10.0

Watch = Callable[[float], object]


def preflight(database: Database, plan: Plan) -> Preflight:
    """The plan's sheet, with what is answered and how fast each model was lately taken from the database."""
    return sheet(_tally(database, _pinned(database, plan)))


def _tally(database: Database, plan: Plan) -> EstimateTally:
    def speed(ref: str) -> float | None:
        name, model = connections.split_model(ref)
        one = stored_replies.seconds_per_reply(database, name, model)
        allowed = connections.connect(name).concurrency
        return None if one is None else one / (allowed if allowed == 1 else plan.concurrency or allowed)

    judges = {str(check): model_check(database, check) for check in slow_checks(plan) if check.model}
    return EstimateTally(plan, lambda keys: stored_replies.stored_samples(database, keys), speed, judges)


def submit(database: Database, plan: Plan, *, show: Callable[[Preflight], object] = lambda sheet: None) -> str:
    """Queues the plan as a run and returns its id; nothing is sent yet. Raises PlanError or PromptError.

    `show` gets the plan's sheet before the run is queued; where it raises, there is no run.
    """
    plan = _pinned(database, as_stored(plan))
    plan.check_variables()
    decided, tally = grid.decide(plan), _tally(database, plan)
    planned = tally.through(plan_points(plan, decided))
    return creation.create_run(database, plan, decided, planned, ready=lambda: show(tally.sheet()))


def _pinned(database: Database, plan: Plan) -> Plan:
    """With checks that mean the same for every reply. Raises PlanError for one that cannot be carried out."""
    return replace(plan, checks=plan.checks and tuple(pinned(database, check) for check in plan.checks))


def start(database: Database, plan: Plan) -> str:
    """Queues the plan and sees to it that a runner process carries it out. Returns the run's id."""
    run_id = submit(database, plan)
    ensure_runner()
    return run_id


def resume(database: Database, run_id: str) -> None:
    """Goes on with a paused, stopped or cancelled run, or retries the failed cells of a finished one."""
    runs.ask(database, run_id, "resume")
    ensure_runner()


def extend(
    database: Database,
    run_id: str,
    *,
    samples: int | None = None,
    temperatures: Sequence[float] = (),
    models: Sequence[str] = (),
) -> int:
    """Adds cells to a run at rest: more samples (`samples` in all), other temperatures or models beside its own.

    Queues the run, for a runner or `carried_out_here` to send only what is new, and what had failed. Returns the number
    of cells added. Raises PlanError where nothing would be new, or the run is still at work.
    """
    before = plans.planned_as(database, run_id)  # read first: what changes from now on is told below
    plan = runs.plan_of(database, run_id)
    info = runs.find_run(database, run_id)
    if info.status in ACTIVE:
        raise PlanError(f"Run {run_id} is still {info.status}.", hint="Pause it, or wait until it is done.")
    wider = replace(
        plan,
        samples=max(plan.samples, samples or 0),
        temperatures=(*_own_temperatures(plan), *temperatures) if temperatures else plan.temperatures,
        models=(*plan.models, *models),
    )
    decided = _decided(plans.decided_of(database, run_id), wider, temperatures)
    added = creation.extend_run(database, run_id, before, wider, decided, plan_points(wider, decided))
    if not added:
        raise PlanError("The run has all of these cells.", hint="Ask for more samples, or another temperature.")
    return added


def _own_temperatures(plan: Plan) -> tuple[float, ...]:
    """The plan's; else the one that all its prompts have themselves. Raises PlanError where there is no such one."""
    if plan.temperatures:
        return plan.temperatures
    own = {prompt.parameters.temperature for prompt in plan.prompts}
    if len(own) != 1 or None in own:
        raise PlanError(
            "This run took each prompt's own temperature, so no other can stand beside it.",
            hint="Start a run that names its temperatures: what is answered is not sent again.",
        )
    return tuple(float(temperature) for temperature in own if temperature is not None)


def _decided(old: Decided, wider: Plan, added: Sequence[float]) -> Decided:
    """What was decided for the run stays, whatever has been learned since; added temperatures that differ from it on
    the wire come after it, and models that are new have all."""
    fresh = grid.decide(wider)
    more = grid.decide(replace(wider, temperatures=tuple(added))) if added else {}
    both: dict[tuple[str, str, str], Sequence[WireVariant]] = dict(fresh)
    for key, variants in old.items():
        sent = [variant.sent.parameters for variant in variants]
        both[key] = [*variants, *(variant for variant in more.get(key, ()) if variant.sent.parameters not in sent)]
    return both


def watch_over(every_s: float = 5.0) -> None:
    """Sees to it that a runner works on active runs, for as long as this process lives: runs left behind by a runner
    that was killed, or by a machine that was switched off, go on by themselves. Blocks; for a thread of the dashboard.
    """
    database = Database()
    while True:
        with suppress(PromptgridError):  # the disk is full, say: the runs' page tells
            if runs.active_run(database) is not None:
                ensure_runner()
        time.sleep(every_s)


@contextmanager
def carried_out_here(database: Database, run_id: str) -> Iterator[Watch]:
    """Carries the run out in this process while the block watches it, as soon as no other process carries runs out.

    Yields what `follow` calls to wait so many seconds, or until the run has ended in here: it raises what went wrong,
    and takes over from a runner that ended before the run did. A block that ends early, by Ctrl+C say, leaves the run
    paused.
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
            if wait({carrying}, wait_s).done:
                carrying.result()
        elif runs.find_run(database, run_id).status in ACTIVE and lock.acquire(wait_s=wait_s, stays=False):
            carrying = loop.start(carry_out(database, run_id, connect=connections.connect))

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


def follow(database: Database, run_id: str, watch: Watch) -> Iterator[tuple[RunInfo, RunProgress]]:
    """The run's state once a second until it has ended (that state is the last)."""
    watch(0.0)
    while True:
        info = runs.find_run(database, run_id)
        yield info, runs.progress(database, run_id)
        if info.status not in ACTIVE:
            return
        watch(_TICK_S)
