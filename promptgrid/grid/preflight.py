"""Computes the preflight of a plan: its calls, tokens, cost and time, and what is left out or merged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from promptgrid import connections, grid
from promptgrid.budget import Budget, parse_budget
from promptgrid.cases.duplicates import content
from promptgrid.compact import NumberMap, hash64
from promptgrid.grid import Plan, Skipped
from promptgrid.grid.doubts import answer_column, doubts
from promptgrid.grid.estimate import (
    Estimate,
    ModelCheck,
    estimate_judged,
    estimate_point,
    estimate_steps,
    estimate_vectors,
    total,
    vector_calls,
)
from promptgrid.grid.planned_points import PlannedPoint, plan_points
from promptgrid.models import ModelFacts, cost_of
from promptgrid.prompt.retrieval import query_embedder
from promptgrid.techniques.lists import LONGEST_ITEM
from promptgrid.techniques.retrieval import QUERIES
from promptgrid.tokens import ReportedUsage

if TYPE_CHECKING:
    from promptgrid.stats import Reach

_LOOKUP = 500  # points whose stored replies are looked up at once

StoredSamples = Callable[[Sequence[str]], Mapping[str, Iterable[int]]]
"""A function that returns, for keys of points, the samples with a reply; keys without a reply may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPreflight(Estimate):
    """What will be sent to one model (`ref`, ENDPOINT/MODEL), and its cost. `seconds` is the expected time, None if the
    model's speed is not known; with `embeds`, the model makes vectors, not replies."""

    ref: str
    facts: ModelFacts
    seconds: float | None = None
    embeds: bool = False


def model_preflight(
    ref: str, facts: ModelFacts, estimate: Estimate, seconds: float | None = None, *, embeds: bool = False
) -> ModelPreflight:
    """Returns the preflight of the model `ref` (ENDPOINT/MODEL) from the estimate of its calls; `seconds` and `embeds`
    are as in ModelPreflight."""
    figures = {one.name: getattr(estimate, one.name) for one in fields(Estimate)} | {"free": facts.free}
    return ModelPreflight(ref=ref, facts=facts, seconds=seconds, embeds=embeds, **figures)


@dataclass(frozen=True)
class Preflight:
    """What a plan will take: the number of its `cells`, and the estimate for each model. `reach` is what its
    comparisons can detect (None: nothing is compared). `judges` has an entry for each check by a model, which runs when
    the replies are there, `embedders` one for each model that is sent the queries which models write; `doubts` are
    sentences on what may be wrong with the plan; `own_checks` counts the cases that bring checks of their own;
    `answer_column` may hold the expected answers that the plan lacks ("": no column)."""

    models: Sequence[ModelPreflight]
    skipped: Sequence[Skipped]
    cells: int
    budget: Budget | None = None
    max_calls: int | None = None
    judges: Sequence[ModelPreflight] = ()
    embedders: Sequence[ModelPreflight] = ()
    reach: Reach | None = None
    doubts: Sequence[str] = ()
    own_checks: int = 0
    answer_column: str = ""

    @cached_property
    def replies(self) -> Estimate:
        """The estimate of the calls of the plan itself."""
        return total(self.models)

    @cached_property
    def total(self) -> Estimate:
        """The estimate of all calls: those of the plan, of its judges and of its embedders."""
        return total(self.every)

    @property
    def every(self) -> Sequence[ModelPreflight]:
        """What will be sent to each model, judge and embedder."""
        return (*self.models, *self.judges, *self.embedders)

    @property
    def within_max_calls(self) -> bool:
        """Whether the most calls that this plan takes, those of judges included, are within its limit of calls."""
        return self.max_calls is None or self.total.calls <= self.max_calls

    @property
    def within_budget(self) -> bool | None:
        """Whether the most that this plan takes is within its budget (True without one); None if not known.

        A budget in minutes is compared with the expected time of the calls, which does not include failed attempts.
        """
        if self.budget is None or not self.replies.calls:
            return True
        all_calls, minutes = self.total, None if self.seconds is None else self.seconds / 60
        replies = all_calls.completion_ceiling
        tokens = None if replies is None else all_calls.prompt_tokens + replies
        most = {"usd": all_calls.cost_ceiling, "tok": tokens, "calls": all_calls.calls, "min": minutes}
        amount = most[self.budget.unit]
        return None if amount is None else amount <= self.budget.amount

    @property
    def seconds(self) -> float | None:
        """The expected time in seconds: that of the slowest model, since endpoints are called in parallel. None if the
        speed of a model is not known."""
        known = [model.seconds for model in self.models if model.calls]
        return None if None in known else max((s for s in known if s is not None), default=0.0)


@dataclass
class EstimateTally:
    """Adds up the points of a plan to its preflight, some hundred at a time, so that a large plan is never in memory
    whole.

    `stored` is called with the keys (Point.key) of points and returns, by key, the samples that have a reply. `speed`
    and `usage` are called with a model (ENDPOINT/MODEL) and return its seconds per reply and the token counts that its
    latest replies reported. `judges` maps each check by a model, as text, to its ModelCheck.
    """

    plan: Plan
    stored: StoredSamples
    speed: Callable[[str], float | None]
    judges: Mapping[str, ModelCheck] = field(default_factory=dict)
    usage: Callable[[str], Sequence[ReportedUsage]] = lambda ref: ()

    def __post_init__(self) -> None:
        inexact = Estimate(exact=False, reason="the replies are not there yet")
        every = (*self.plan.models, *self.plan.step_models)
        self._facts = {ref: connections.model_facts(ref) for ref in every}
        self._embedders: dict[str, Estimate] = {}
        self._models = dict.fromkeys(every, Estimate())
        self._judges = dict.fromkeys(self.judges, inexact)
        self._prompts = {
            check: {(p.name, p.version) for p in self.plan.prompts if check in map(str, self.plan.checks_for(p))}
            for check in self.judges
        }
        self._a_call = {ref: connections.connect(connections.split_model(ref)[0]).max_n for ref in self.plan.models}
        self._seen = NumberMap()  # hashes of the keys
        self._points = 0

    def through(self, planned: Iterable[PlannedPoint]) -> Iterator[PlannedPoint]:
        """Yields the points unchanged, and adds the estimate of each to the tally as it passes."""
        planned = iter(planned)
        while chunk := list(islice(planned, _LOOKUP)):
            stored = {} if self.plan.fresh else self.stored([one.point.key for one in chunk])
            shares: dict[str, list[Estimate]] = {}
            alike: dict[object, Estimate] = {}
            for one in chunk:
                for ref, share in self._replies(one, stored, alike).items():
                    shares.setdefault(ref, []).append(share)
            self._models |= {ref: total((self._models[ref], *mine)) for ref, mine in shares.items()}
            self._add_queries(chunk)
            for check, judge in self.judges.items():
                self._judges[check] = total((self._judges[check], *self._judged(chunk, check, judge)))
            self._points += len(chunk)
            yield from chunk

    def _replies(
        self, one: PlannedPoint, stored: Mapping[str, Iterable[int]], alike: dict[object, Estimate]
    ) -> Mapping[str, Estimate]:
        """Returns the estimate of the point's replies by model: steps of a chain may ask others than the point's.
        `alike` keeps the estimates of points of one call, by all that they depend on."""
        point, samples = one.point, self.plan.samples
        repeated = not self._seen.add(int(point.key[:16], 16))
        ref = point.model_ref
        if one.fits and point.most_calls > 1:
            return estimate_steps(one, self._facts.__getitem__, samples)
        known = frozenset(stored.get(point.key, ()))
        like = ref, id(point.variant), id(point.request.parameters), one.count, one.limit, repeated, known
        if like not in alike:
            alike[like] = estimate_point(one, self._facts[ref], samples, known, repeated, self._a_call[ref])
        return {ref: alike[like]}

    def _add_queries(self, chunk: Sequence[PlannedPoint]) -> None:
        for one in chunk:
            if one.fits and (ref := query_embedder(one.point.variant.sent.parameters)):
                share = _estimate_queries(one, self.plan.samples, self._facts_of(ref))
                self._embedders[ref] = total((self._embedders.get(ref, Estimate()), share))

    def _facts_of(self, ref: str) -> ModelFacts:
        return self._facts.setdefault(ref, connections.model_facts(ref))

    def _judged(self, chunk: Sequence[PlannedPoint], check: str, judge: ModelCheck) -> Iterator[Estimate]:
        estimate = estimate_vectors if judge.texts_a_call else estimate_judged
        for one in chunk:
            if one.fits and (one.point.prompt.name, one.point.prompt.version) in self._prompts[check]:
                yield estimate(one, self.plan.samples, judge)

    def preflight(self) -> Preflight:
        """Returns the preflight of all points that `through` has yielded so far."""
        models = [model_preflight(ref, self._facts[ref], share, self._seconds(ref, share.asked or share.calls))
                  for ref, share in self._models.items()]  # fmt: skip
        judges = [self._judge_preflight(judge, self._judges[check]) for check, judge in self.judges.items()]
        embedders = [model_preflight(ref, self._facts[ref], one, embeds=True) for ref, one in self._embedders.items()]
        cells, budget = self._points * self.plan.samples, parse_budget(self.plan.budget)
        return Preflight(
            models=models,
            skipped=grid.skipped(self.plan),
            cells=cells,
            budget=budget,
            max_calls=self.plan.max_calls,
            judges=judges,
            embedders=embedders,
            reach=plan_reach(self.plan),
            doubts=[*doubts(self.plan), *self._looked_up()],
            own_checks=sum(bool(case.checks) for case in self.plan.cases) if self.plan.own_checks else 0,
            answer_column=answer_column(self.plan),
        )

    def _looked_up(self) -> list[str]:
        """Returns what may be wrong with what is looked up for the plan's cells."""
        return [note for found in (self.plan.contexts, self.plan.vectors) if found for note in found.notes]

    def _seconds(self, ref: str, replies: int) -> float | None:
        one_reply = self.speed(ref)
        return None if one_reply is None else replies * one_reply

    def _judge_preflight(self, judge: ModelCheck, estimate: Estimate) -> ModelPreflight:
        if judge.texts_a_call:
            estimate = replace(estimate, calls=vector_calls(estimate.texts, judge.texts_a_call))
        return model_preflight(judge.ref, judge.facts, estimate, embeds=judge.texts_a_call > 0)


def _estimate_queries(planned: PlannedPoint, samples: int, facts: ModelFacts) -> Estimate:
    """Returns the estimate of embedding the queries that the model writes for a point's cells. The lowest cost is 0,
    since a reply may have no query; the highest is that of queries as long as may be."""
    parameters = planned.point.variant.sent.parameters
    texts = QUERIES if parameters.query == "several" else 1
    longest = texts * LONGEST_ITEM
    return Estimate(
        calls=samples,
        spare_calls=samples,
        texts=samples * texts,
        prompt_tokens=samples * min(longest, parameters.max_tokens or longest),
        exact=False,
        reason="the queries are not written yet",
        cost_ceiling=None if (most := cost_of(facts, longest).usd) is None else samples * most,
    )


def plan_reach(plan: Plan) -> Reach | None:
    """Returns how likely a comparison of the plan's first variant with another finds a difference (see Reach). Copies
    of a case count as one case. None if nothing is scored, or if there is no other variant."""
    variants = math.prod(map(len, (plan.prompts, plan.techniques, plan.models, *plan.axes.values())))
    if variants < 2:
        return None
    from promptgrid.stats import reach  # loads slowly

    if plan.all_checks:
        scored = (case for case in plan.cases if case.expected is not None or not plan.has_expected)
    else:
        scored = (case for case in plan.cases if case.checks)
    different = NumberMap()
    for case in scored:
        different.add(hash64(content(case).encode()))
    return reach(len(different), variants - 1) if different else None


def preflight(tally: EstimateTally) -> Preflight:
    """Returns the preflight of the tally's plan (calls, tokens, cost and time for each model), for which all points of
    the plan pass through the tally. Raises PlanError or PromptError if the plan cannot be carried out."""
    tally.plan.check_variables()
    for _ in tally.through(plan_points(tally.plan, grid.decide(tally.plan), tally.usage)):
        pass
    return tally.preflight()
