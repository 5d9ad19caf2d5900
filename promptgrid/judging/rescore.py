"""Changes the checks of an existing run and scores its replies again. No call goes to the model under test; the cost of
judges is known before they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid import connections, grid
from promptgrid.calls.journal import Journal
from promptgrid.calls.shared import shared_by_loop
from promptgrid.errors import PlanError
from promptgrid.grading import USUAL, CheckSpec, default_checks, parse_check
from promptgrid.grading.rule_problems import check_problem
from promptgrid.grid import Plan
from promptgrid.grid.planned_points import plan_points
from promptgrid.grid.preflight import EstimateTally, ModelPreflight
from promptgrid.judging import session
from promptgrid.judging.embedding import embeddings_preflight
from promptgrid.judging.model_calls import JudgingContext, judge_plan
from promptgrid.judging.scorers import judge_inputs, judge_prompt, pinned
from promptgrid.judging.scoring import Scoring
from promptgrid.judging.session import JudgingSession, OnProgress
from promptgrid.prompt import Prompt
from promptgrid.store import Database, plans, runs, scores, stored_replies
from promptgrid.suggestions import did_you_mean

KIND = "check"


@dataclass(frozen=True)
class Recheck:
    """A change to the checks of a run. `checks` are all its checks after the change, `score` those of them that score
    the replies anew, `before` is the run's stored plan before the change (JSON). With `fresh`, judges are called again
    instead of reusing their replies. `positions` are the cells to score (None: all)."""

    run_id: str
    before: str
    checks: tuple[CheckSpec, ...]
    score: tuple[CheckSpec, ...]
    fresh: bool = False
    positions: tuple[int, ...] | None = None

    @property
    def work(self) -> dict[str, Any]:
        """The `work` of the JudgingSession: the checks and `fresh`, as JSON. Only a session with equal work is
        resumed."""
        work = {"checks": [*map(str, self.checks)], "score": [*map(str, self.score)], "fresh": self.fresh}
        return work if self.positions is None else work | {"positions": list(self.positions)}


def plan_recheck(
    database: Database, run_id: str, *, add: Sequence[CheckSpec] = (), remove: Sequence[str] = (), fresh: bool = False
) -> Recheck:
    """Returns the change that adds the checks `add` and removes those with the names `remove`. An added check replaces
    one of the same name; with nothing to add or remove, all checks score again. With `fresh`, judges are called again.
    Nothing is changed or sent yet.

    Raises PlanError for a check that cannot be removed or carried out, LibraryError if the prompt of a judge is
    missing.
    """
    before = plans.planned_as(database, run_id)
    plan = runs.plan_of(database, run_id)
    specs = {**_without(plan, remove), **{spec.name: spec for spec in add}}
    checks = tuple(pinned(database, spec) for spec in specs.values())  # pins the current content of a file
    after = replace(plan, checks=checks).all_checks
    names = {spec.name for spec in add if spec.kind != USUAL}
    if any(spec.kind == USUAL for spec in add):
        names |= {spec.name for spec in _usual(plan)}
    score = after if not add and not remove else tuple(spec for spec in after if spec.name in names)
    return Recheck(run_id, before, checks, score, fresh)


def _without(plan: Plan, remove: Sequence[str]) -> dict[str, CheckSpec]:
    specs = {spec.name: spec for spec in plan.checks or (CheckSpec(USUAL, USUAL),)}
    if plan.checks == ():
        specs = {}
    known = [spec.name for spec in plan.all_checks]
    usual = {spec.name: spec for spec in _usual(plan)}
    for name in remove:
        if USUAL in specs and name in usual:  # replaces the check `usual` by the other usual checks
            del specs[USUAL]
            specs = usual | specs
        if name in plan.own_checks:
            message = f"The check {name!r} comes with cases of the run, not with the run."
            raise PlanError(message, hint="Take it out of the table of cases, and run that.")
        if name not in specs:
            hint = did_you_mean(name, known) or "It has no checks."
            raise PlanError(f"The run has no check called {name!r}.", hint=hint)
        del specs[name]
    return specs


def _usual(plan: Plan) -> tuple[CheckSpec, ...]:
    usual = (
        check
        for prompt in plan.prompts
        for check in default_checks(prompt.answer, plan.has_expected, tools=bool(prompt.tools))
    )
    return tuple({check.name: check for check in usual}.values())


def stopped(database: Database, run_id: str) -> tuple[Recheck, JudgingSession] | None:
    """Returns the unfinished change of the run's checks, to be resumed, with its session; None when there is none."""
    unfinished = session.unfinished(run_id, KIND)
    if unfinished is None or session.in_progress(run_id):
        return None
    checks, score = ([parse_check(text) for text in unfinished.work[name]] for name in ("checks", "score"))
    before = plans.planned_as(database, run_id)
    positions = unfinished.work.get("positions")
    fresh, cells = unfinished.work["fresh"], None if positions is None else tuple(positions)
    return Recheck(run_id, before, tuple(checks), tuple(score), fresh, cells), unfinished


def problems(database: Database, recheck: Recheck) -> list[str]:
    """Returns a sentence for each of these checks that can score no reply to a prompt of the run."""
    prompts = runs.plan_of(database, recheck.run_id).prompts
    sentences = (check_problem(spec, prompt.answer, prompt.tools) for spec in recheck.score for prompt in prompts)
    return list(dict.fromkeys(filter(None, sentences)))


def preflights(database: Database, recheck: Recheck) -> list[ModelPreflight]:
    """Returns the preflight (calls, tokens, cost) of each model that judges or embeds for these checks. Stored replies
    that are reused count as answered."""
    return [_preflight(database, recheck, spec) for spec in recheck.score if spec.model]


def of_cells(database: Database, run_id: str, positions: Sequence[int]) -> Recheck:
    """Returns the change that only scores the cells at these positions anew, by all checks of the run."""
    return replace(plan_recheck(database, run_id), positions=tuple(positions))


def _preflight(database: Database, recheck: Recheck, spec: CheckSpec) -> ModelPreflight:
    if spec.kind != "judge":
        return embeddings_preflight(database, recheck.run_id, spec)
    since = session.since(database, recheck.run_id, KIND, recheck.work, fresh=recheck.fresh)
    replies = scores.answered(database, recheck.run_id, recheck.positions)
    chunks = ([judge_inputs(spec, reply) for reply in chunk] for chunk in replies)
    return judge_preflight(database, judge_prompt(database, spec), spec.model, chunks, since)


def judge_preflight(
    database: Database,
    prompt: Prompt,
    ref: str,
    chunks: Iterable[Sequence[Mapping[str, str]]],
    since: int,
    repeats: int = 1,
) -> ModelPreflight:
    """Returns the preflight of calling the model `ref` with the judge's `prompt` for each mapping in the chunks,
    `repeats` times; a mapping has the values of the prompt's variables. Stored replies of the judge with an id greater
    than `since` are reused."""
    plan = judge_plan(prompt, ref, [{}], repeats)
    decided = grid.decide(plan)
    name, model = connections.split_model(ref)

    def seconds(_: str) -> float | None:
        per_reply = stored_replies.seconds_per_reply(database, name, model)
        return None if per_reply is None else per_reply / connections.connect(name).concurrency

    tally = EstimateTally(plan, lambda keys: stored_replies.stored_samples(database, keys, since), seconds)
    for inputs in chunks:
        for _ in tally.through(plan_points(judge_plan(prompt, ref, inputs, repeats), decided) if inputs else ()):
            pass
    return tally.preflight().models[0]


def carry_out(
    database: Database, recheck: Recheck, *, budget: str = "", on_progress: OnProgress = lambda done, total: None
) -> None:
    """Changes the run's checks and scores its replies; blocks until all are scored. `on_progress` is called with the
    numbers of scores done and in all.

    Calling it again with the same recheck resumes one that was stopped or killed: its questions are not sent again, and
    their cost counts towards the budget. Raises PlanError if the run is in progress or was changed since
    `plan_recheck`, BudgetReached if the judges would exceed the budget, StoreError if the run is removed meanwhile.
    """
    with session.start(database, recheck.run_id, KIND, recheck.work, budget=budget, fresh=recheck.fresh) as own:
        plan = scores.change_checks(database, recheck.run_id, recheck.before, recheck.checks)

        def progress(done: int, total: int) -> None:
            own.progress(done, total)
            on_progress(done, total)

        def scoring(journal: Journal) -> Scoring:
            judging = JudgingContext(
                database, recheck.run_id, connections.connect, shared_by_loop(), own.wall(database), journal,
                retries=plan.retries, since=own.since,
            )  # fmt: skip
            return Scoring(judging, plan, recheck.score, anew=True, positions=recheck.positions, on_progress=progress)

        session.run_task(database, recheck.run_id, scoring)
