"""Checks of a run that is there: add, change and remove them, and score its replies again. Nothing is sent to the model
under test; what a judge will take is told before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid import connections, grid
from promptgrid.calls.journal import Journal
from promptgrid.calls.shared import shared_by_loop
from promptgrid.errors import PlanError
from promptgrid.grading import USUAL, CheckSpec, default_checks, parse_check
from promptgrid.grid import Plan
from promptgrid.grid.planned_points import plan_points
from promptgrid.grid.preflight import EstimateTally, ModelPreflight
from promptgrid.judging import session
from promptgrid.judging.embedding import embeddings_sheet
from promptgrid.judging.model_calls import Means, judge_plan
from promptgrid.judging.scorers import judge_inputs, judge_prompt, pinned
from promptgrid.judging.scoring import Scoring
from promptgrid.judging.session import Pass, Tell
from promptgrid.prompt import Prompt
from promptgrid.store import Database, plans, runs, scores, stored_replies
from promptgrid.suggestions import did_you_mean

KIND = "check"


@dataclass(frozen=True)
class Recheck:
    """What is to be done to a run's checks: `checks` are all that it will have, `score` those that score anew; with
    `fresh` judges are asked again."""

    run_id: str
    before: str
    checks: tuple[CheckSpec, ...]
    score: tuple[CheckSpec, ...]
    fresh: bool = False

    @property
    def work(self) -> dict[str, Any]:
        """As a pass is noted."""
        return {"checks": [*map(str, self.checks)], "score": [*map(str, self.score)], "fresh": self.fresh}


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
            hint = did_you_mean(name, known) or "It has no checks."
            raise PlanError(f"The run has no check called {name!r}.", hint=hint)
        del chosen[name]
    return chosen


def _usual(plan: Plan) -> tuple[CheckSpec, ...]:
    has_expected = any(case.expected is not None for case in plan.cases)
    return tuple({c.name: c for prompt in plan.prompts for c in default_checks(prompt.answer, has_expected)}.values())


def stopped(database: Database, run_id: str) -> tuple[Recheck, Pass] | None:
    """What was begun and has not come to its end, to be gone on with, and how far it is; None: nothing was."""
    found = session.left(run_id, KIND)
    if found is None or session.at_work(run_id):
        return None
    checks, score = ([parse_check(text) for text in found.work[name]] for name in ("checks", "score"))
    before = plans.planned_as(database, run_id)
    return Recheck(run_id, before, tuple(checks), tuple(score), found.work["fresh"]), found


def sheets(database: Database, recheck: Recheck) -> list[ModelPreflight]:
    """What each model that judges or embeds will be asked, by its calls, tokens and cost; what it has said already is
    not."""
    return [_sheet(database, recheck, spec) for spec in recheck.score if spec.model]


def _sheet(database: Database, recheck: Recheck, spec: CheckSpec) -> ModelPreflight:
    if spec.kind != "judge":
        return embeddings_sheet(database, recheck.run_id, spec)
    since = session.since(database, recheck.run_id, KIND, recheck.work, fresh=recheck.fresh)
    chunks = ([judge_inputs(spec, one) for one in chunk] for chunk in scores.answered(database, recheck.run_id))
    return asking_sheet(database, judge_prompt(database, spec), spec.model, chunks, since)


def asking_sheet(
    database: Database, prompt: Prompt, ref: str, chunks: Iterable[Sequence[Mapping[str, str]]], since: int
) -> ModelPreflight:
    """What a model will be asked when it judges these inputs; what it has said in replies after `since` is not."""
    plan = judge_plan(prompt, ref, [{}])
    decided = grid.decide(plan)
    name, model = connections.split_model(ref)

    def seconds(_: str) -> float | None:
        one = stored_replies.seconds_per_reply(database, name, model)
        return None if one is None else one / connections.connect(name).concurrency

    tally = EstimateTally(plan, lambda keys: stored_replies.stored_samples(database, keys, since), seconds)
    for inputs in chunks:
        for _ in tally.through(plan_points(judge_plan(prompt, ref, inputs), decided) if inputs else ()):
            pass
    return tally.sheet().models[0]


def carry_out(database: Database, recheck: Recheck, *, budget: str = "", tell: Tell = lambda done, total: None) -> None:
    """Changes the run's checks and scores its replies; blocks until that is done. `tell` hears (done, total).

    One that was stopped, or killed, is gone on with by the same: what was asked then is not asked again, and counts in
    the budget. Raises PlanError where the run is at work or was changed since `plan_recheck`, BudgetReached where the
    judges would cross the budget, StoreError when the run is removed meanwhile.
    """
    with session.begun(database, recheck.run_id, KIND, recheck.work, budget=budget, fresh=recheck.fresh) as begun:
        plan = scores.change_checks(database, recheck.run_id, recheck.before, recheck.checks)

        def told(done: int, total: int) -> None:
            begun.tell(done, total)
            tell(done, total)

        def begin(journal: Journal) -> Scoring:
            wall = begun.wall(database)
            means = Means(
                database, recheck.run_id, connections.connect, shared_by_loop(), wall, journal, since=begun.since
            )
            return Scoring(means, plan, recheck.score, anew=True, tell=told)

        session.carried_out(database, recheck.run_id, begin)
