"""Starts and follows runs, for pages, the command line and the library."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from promptgrid import connections, grid
from promptgrid.budget import Cost, Wall, parse_budget
from promptgrid.cases.table import Case
from promptgrid.documents.contexts import with_contexts
from promptgrid.errors import PlanError, PromptgridError
from promptgrid.grid import Decided, Plan, WireVariant
from promptgrid.grid.planned_points import plan_points
from promptgrid.grid.preflight import EstimateTally, Preflight
from promptgrid.grid.preflight import preflight as preflight_of
from promptgrid.humanize import many
from promptgrid.judging.scorers import model_check, pinned
from promptgrid.judging.scoring import slow_checks
from promptgrid.progress import OnWork, silent
from promptgrid.prompt.parameters import AXIS_SPECS, ParameterSpec, Value
from promptgrid.runner.process import ensure_runner
from promptgrid.store import Database, attempts, creation, plans, runs, stored_replies
from promptgrid.store.across.parts import cases_of_part
from promptgrid.store.plans import as_stored
from promptgrid.store.runs import ACTIVE
from promptgrid.tokens import ReportedUsage


def preflight(database: Database, plan: Plan, on_progress: OnWork = silent) -> Preflight:
    """Returns the plan's preflight: the number of its cells, and the calls, tokens, cost and time for each model.
    Nothing is sent. Stored replies that are reused count as answered. `on_progress` is called while documents are
    prepared that the plan retrieves from. Raises PlanError for a check that cannot be carried out."""
    plan.check_variables()
    plan = with_contexts(database, _pinned(database, plan), sends=False, on_progress=on_progress)
    return preflight_of(_tally(database, plan))


def _tally(database: Database, plan: Plan) -> EstimateTally:
    def speed(ref: str) -> float | None:
        name, model = connections.split_model(ref)
        per_reply = stored_replies.seconds_per_reply(database, name, model)
        allowed = connections.connect(name).concurrency
        return None if per_reply is None else per_reply / (allowed if allowed == 1 else plan.concurrency or allowed)

    judges = {str(check): model_check(database, check) for check in slow_checks(plan) if check.model}
    stored = partial(stored_replies.stored_samples, database)
    return EstimateTally(plan, stored, speed, judges, usage=partial(_usage, database))


def _usage(database: Database, ref: str) -> Sequence[ReportedUsage]:
    return stored_replies.reported_usage(database, *connections.split_model(ref))


def submit(
    database: Database,
    plan: Plan,
    *,
    show: Callable[[Preflight], object] = lambda preflight: None,
    fair_for: str = "",
    on_progress: OnWork = silent,
) -> str:
    """Queues the plan as a run and returns the run's id; nothing is sent yet. Raises PlanError or PromptError.

    `show` is called with the preflight before the run is queued. `on_progress` is called while documents are prepared
    that the plan retrieves from, and their vectors made. If one of them raises, no run is created. `fair_for` is that
    of RunInfo.
    """
    plan = _pinned(database, as_stored(plan))
    plan.check_variables()
    plan, spent = _looked_up(database, plan, on_progress=on_progress)
    decided, tally = grid.decide(plan), _tally(database, plan)
    planned = tally.through(plan_points(plan, decided, tally.usage))

    def ready(run_id: str) -> None:
        attempts.keep_spent(database, run_id, spent)
        show(tally.preflight())

    return creation.create_run(database, plan, decided, planned, ready=ready, fair_for=fair_for)


def _looked_up(database: Database, plan: Plan, run_id: str = "", on_progress: OnWork = silent) -> tuple[Plan, Cost]:
    """Returns the plan with what its cells look up (see `with_contexts`), and what that has spent. It counts in the
    budget of the run, beside what the run `run_id` has spent already ("": nothing)."""
    wall = Wall(parse_budget(plan.budget))
    if run_id:
        wall.add(attempts.spent(database, run_id))
    before = wall.cost
    plan = with_contexts(database, plan, wall=wall, on_progress=on_progress)
    return plan, wall.cost.less(before)


def _pinned(database: Database, plan: Plan) -> Plan:
    """Returns the plan with each check fixed so that it always scores alike (see `scorers.pinned`). Raises PlanError
    for a check that cannot be carried out."""
    return replace(plan, checks=plan.checks and tuple(pinned(database, check) for check in plan.checks))


def start(database: Database, plan: Plan, *, fair_for: str = "", on_progress: OnWork = silent) -> str:
    """Queues the plan as a run, starts a runner process if none is there, and returns the run's id. `fair_for`,
    `on_progress` and the errors are those of `submit`."""
    run_id = submit(database, plan, fair_for=fair_for, on_progress=on_progress)
    ensure_runner()
    return run_id


def resume(database: Database, run_id: str) -> None:
    """Queues a run that is paused, stopped, cancelled or finished, with its failed and cancelled cells, and starts a
    runner process if none is there."""
    runs.ask(database, run_id, "resume")
    ensure_runner()


def run_cell_again(database: Database, run_id: str, position: int) -> int:
    """Adds one more sample of the case and variant of the cell at `position` to a run that is not active, and starts a
    runner process if none is there. The earlier replies stay; a cell without a reply is sent again itself. Returns the
    position of the cell that will be sent. Raises PlanError as `creation.add_sample` does."""
    added = creation.add_sample(database, run_id, position)
    ensure_runner()
    return added


def with_case(database: Database, run_id: str, case: Case) -> Plan:
    """Returns the plan of the run with one more case, which is given its part (learn, choose or prove). Raises
    PlanError if another case has its id, and MissingVariables if it lacks a variable."""
    plan = runs.plan_of(database, run_id)
    if any(one.part for one in plan.cases):
        whole, _ = cases_of_part(database, [*plan.cases, case])
        case = whole[-1]
    wider = replace(plan, cases=(*plan.cases, case))
    wider.check_variables()
    return wider


def new_case_preflight(database: Database, wider: Plan) -> Preflight:
    """Returns the preflight of the cells that the last case of a plan from `with_case` adds to its run."""
    return preflight(database, replace(wider, cases=wider.cases[-1:]))


def add_case(database: Database, run_id: str, case: Case) -> int:
    """Adds a case to a run, as `submit_case` does, and starts a runner process if none is there."""
    count = submit_case(database, run_id, case)
    ensure_runner()
    return count


def submit_case(database: Database, run_id: str, case: Case) -> int:
    """Adds a case to a run that is not active, with a cell for each variant and sample, and queues the run; returns the
    number of new cells. Only these are sent. Raises as `with_case` does, and PlanError if the run is active or has
    pending cells."""
    before = plans.planned_as(database, run_id)
    creation.require_idle(database, run_id)
    wider, decided = with_case(database, run_id, case), plans.decided_of(database, run_id)
    last = len(wider.cases) - 1
    new, spent = _looked_up(database, replace(wider, cases=wider.cases[-1:]), run_id)
    attempts.keep_spent(database, run_id, spent)
    points = plan_points(new, decided, partial(_usage, database))
    placed = (replace(one, point=replace(one.point, case_position=last)) for one in points)
    return creation.extend_run(database, run_id, before, wider, decided, placed, again=False)


def extend(
    database: Database,
    run_id: str,
    *,
    samples: int | None = None,
    models: Sequence[str] = (),
    **values: Sequence[Value],
) -> int:
    """Adds cells to a run that is not in progress: more samples (`samples` is the new total; None: as many as before),
    more models, and more `values` of parameters, named in the plural (`temperatures=[1.2]`).

    Queues the run; a runner or `carried_out_here` then sends the new cells and those that had failed. Returns the
    number of cells added. Raises PlanError when no cell is new, or the run is in progress.
    """
    before = plans.planned_as(database, run_id)  # read first, so that `extend_run` notices any later change
    plan = runs.plan_of(database, run_id)
    info = runs.find_run(database, run_id)
    if info.status in ACTIVE:
        raise PlanError(f"Run {run_id} is still {info.status}.", hint="Pause it, or wait until it is done.")
    added = {spec.column: tuple(values[spec.plural]) for spec in AXIS_SPECS if values.get(spec.plural)}
    wider, spent = _looked_up(database, widened(plan, max(plan.samples, samples or 0), models, added), run_id)
    attempts.keep_spent(database, run_id, spent)
    decided = _decided(plans.decided_of(database, run_id), wider, added)
    count = creation.extend_run(
        database, run_id, before, wider, decided, plan_points(wider, decided, partial(_usage, database))
    )
    if not count:
        raise PlanError("The run has all of these cells.", hint="Ask for more samples, models or values.")
    return count


def widened(plan: Plan, samples: int, models: Sequence[str], added: Mapping[str, Sequence[Value]]) -> Plan:
    """Returns the plan with this number of samples, with more models, and with more values of parameters (`added`, by
    column). Raises PlanError for fewer samples than the plan has, and for a parameter in `added` if the prompts have
    different values of it so far."""
    if samples < plan.samples:
        have = many(plan.samples, "sample")
        raise PlanError(f"The run has {have} of each cell, and {samples:,} is fewer.", hint="Ask for as many or more.")
    axes, single = dict(plan.axes), dict[str, None]()
    for spec in AXIS_SPECS:
        if more := added.get(spec.column):
            axes[spec.column] = (*_own_values(plan, spec), *more)
            single[spec.name] = None  # its value moved to the axis
    parameters = replace(plan.parameters, **single)
    return replace(plan, samples=samples, models=(*plan.models, *models), axes=axes, parameters=parameters)


def _own_values(plan: Plan, spec: ParameterSpec) -> tuple[Value, ...]:
    """Returns the values of the parameter that the plan has so far: those of its axis, or else the one value that all
    its prompts share. Raises PlanError when they share none."""
    if spec.column in plan.axes:
        return plan.axes[spec.column]
    own = {getattr(plan.parameters.over(prompt.parameters), spec.name) for prompt in plan.prompts}
    if len(own) != 1 or None in own:
        raise PlanError(
            f"This run took each prompt's own {spec.label.lower()}, so no other can stand beside it.",
            hint=f"Start a run that names its {spec.axis}: what is answered is not sent again.",
        )
    return tuple(own)


def _decided(old: Decided, wider: Plan, added: Mapping[str, tuple[Value, ...]]) -> Decided:
    """Returns the parameters to send, by model and prompt version, for the `wider` plan. What was decided for the run
    so far (`old`) stays, even if facts about models have changed since. Parameters are decided now for new models and
    for `added`, which has new values of parameters by column."""
    both: dict[tuple[str, str, str], Sequence[WireVariant]] = dict(grid.decide(wider))
    more = [grid.decide(replace(wider, axes={**wider.axes, column: values})) for column, values in added.items()]
    for key, variants in old.items():
        known = list(variants)
        for variant in (variant for decided in more for variant in decided[key]):
            if all(variant.sent.parameters != other.sent.parameters for other in known):
                known.append(variant)
        both[key] = known
    return both


def watch_over(every_s: float = 5.0) -> None:
    """Starts a runner whenever active runs have none, so that runs resume after a runner was killed or the machine
    restarted. Looks every `every_s` seconds and never returns: it is for a thread of the dashboard."""
    database = Database()
    while True:
        with suppress(PromptgridError):  # such as a full disk; the Runs page shows it
            if runs.active_run(database) is not None:
                ensure_runner()
        time.sleep(every_s)
