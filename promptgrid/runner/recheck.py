"""Checks of a run that is there: add, change and remove them, and score its replies again. Nothing is sent to the model
under test; what a judge will take is told before."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from promptgrid import connections, grid, paths
from promptgrid.budget import Wall, parse_budget
from promptgrid.errors import PlanError
from promptgrid.grading import USUAL, CheckSpec, default_checks
from promptgrid.grid import Plan
from promptgrid.preflight import ModelPreflight, Tally, plan_points
from promptgrid.prompt import Prompt
from promptgrid.runner.asking import judge_plan
from promptgrid.runner.markers import judge_inputs, judge_prompt, pinned
from promptgrid.runner.scoring import Scoring
from promptgrid.runner.shared import shared_by_loop
from promptgrid.store import Database, kept, plans, runs, scores

Tell = Callable[[int, int], object]


@dataclass(frozen=True)
class Recheck:
    """What is to be done to a run's checks: `checks` are all that it will have, `score` those that score anew."""

    run_id: str
    before: str
    checks: tuple[CheckSpec, ...]
    score: tuple[CheckSpec, ...]
    fresh: bool = False


def plan_recheck(
    database: Database, run_id: str, *, add: Sequence[CheckSpec] = (), remove: Sequence[str] = (), fresh: bool = False
) -> Recheck:
    """What becomes of the run's checks: those to `add` take the place of any of the same name; with nothing to add or
    remove all of them score again. `fresh`: judges are asked again. Nothing is changed or sent yet.

    Raises PlanError for a check that is not there or cannot be carried out, and LibraryError for a judge's prompt.
    """
    before = plans.planned_as(database, run_id)
    plan = runs.plan_of(database, run_id)
    chosen = _without(plan, remove)
    for spec in add:
        chosen = {**chosen, spec.name: spec}
    # A file that has changed since is taken as it is now.
    checks = tuple(pinned(database, spec) for spec in chosen.values())
    after = replace(plan, checks=checks).all_checks
    names = {spec.name for spec in add if spec.kind != USUAL}
    if any(spec.kind == USUAL for spec in add):
        names |= {spec.name for spec in _usual(plan)}
    score = after if not add and not remove else tuple(spec for spec in after if spec.name in names)
    return Recheck(run_id, before, checks, score, fresh)


def _without(plan: Plan, remove: Sequence[str]) -> dict[str, CheckSpec]:
    chosen = {spec.name: spec for spec in plan.checks or (CheckSpec(USUAL, USUAL),)}
    if plan.checks == ():
        chosen = {}
    known = [spec.name for spec in plan.all_checks]
    usual = {spec.name: spec for spec in _usual(plan)}
    for name in remove:
        if USUAL in chosen and name in usual:  # the others of them are named instead
            del chosen[USUAL]
            chosen = usual | chosen
        if name not in chosen:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known) or 'none'}."
            raise PlanError(f"The run has no check called {name!r}.", hint=hint)
        del chosen[name]
    return chosen


def _usual(plan: Plan) -> tuple[CheckSpec, ...]:
    has_expected = any(case.expected is not None for case in plan.cases)
    return tuple({c.name: c for prompt in plan.prompts for c in default_checks(prompt.answer, has_expected)}.values())


def judges_sheet(database: Database, recheck: Recheck) -> list[ModelPreflight]:
    """What each model that judges will be asked, by its calls, tokens and cost; what it has said already is not."""
    return [_sheet(database, recheck, spec) for spec in recheck.score if spec.kind == "judge"]


def _sheet(database: Database, recheck: Recheck, spec: CheckSpec) -> ModelPreflight:
    chunks = ([judge_inputs(spec, one) for one in chunk] for chunk in scores.answered(database, recheck.run_id))
    return asking_sheet(database, judge_prompt(database, spec), spec.model, chunks, fresh=recheck.fresh)


def asking_sheet(
    database: Database, prompt: Prompt, ref: str, chunks: Iterable[Sequence[Mapping[str, str]]], *, fresh: bool
) -> ModelPreflight:
    """What a model will be asked when it judges these inputs; what it has said already is not, unless `fresh`."""
    plan = replace(judge_plan(prompt, ref, [{}]), fresh=fresh)
    decided = grid.decide(plan)
    name, model = connections.split_model(ref)

    def seconds(_: str) -> float | None:
        one = kept.seconds_per_reply(database, name, model)
        return None if one is None else one / connections.connect(name).concurrency

    tally = Tally(plan, lambda keys: kept.stored_samples(database, keys), seconds)
    for inputs in chunks:
        for _ in tally.through(plan_points(judge_plan(prompt, ref, inputs), decided) if inputs else ()):
            pass
    return tally.sheet().models[0]


def carry_out(database: Database, recheck: Recheck, *, budget: str = "", tell: Tell = lambda done, total: None) -> None:
    """Changes the run's checks and scores its replies; blocks until that is done. `tell` hears (done, total).

    Raises PlanError where the run is at work or was changed since `plan_recheck`, BudgetReached where the judges would
    cross the budget: what is scored by then is kept, and a later one goes on.
    """
    wall = Wall(parse_budget(budget))
    with alone(recheck.run_id):
        plan = scores.change_checks(database, recheck.run_id, recheck.before, recheck.checks)
        connections.run_sync(_scored(database, recheck, plan, wall, tell))


async def _scored(database: Database, recheck: Recheck, plan: Plan, wall: Wall, tell: Tell) -> None:
    await Scoring(
        database,
        recheck.run_id,
        plan,
        recheck.score,
        connections.connect,
        shared_by_loop(),
        wall,
        anew=True,
        fresh=recheck.fresh,
        tell=tell,
    ).run()


@contextmanager
def alone(run_id: str) -> Iterator[None]:
    """One at a time for a run: two would pay a judge twice."""
    from filelock import FileLock, Timeout

    folder = paths.data_folder() / "checking"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        with FileLock(folder / f"{run_id}.lock", timeout=0):
            yield
    except Timeout:
        raise PlanError(f"The checks of run {run_id} are running already.", hint="Wait until they are done.") from None
