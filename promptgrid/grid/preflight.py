"""What a plan will take, before anything is sent: calls, tokens, cost, time, and what does not fit or was merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from promptgrid import connections, grid, models
from promptgrid.budget import Budget, parse_budget
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Decided, Plan, Point, Skipped
from promptgrid.models import ModelFacts
from promptgrid.tokens import Count, context_limit, counter, tools_of

_TOGETHER = 200  # replies that are scored together; the last call for their vectors may not be full
_LOOKUP = 500  # points whose stored replies are asked for at once

_Number = TypeVar("_Number", int, float)
StoredSamples = Callable[[Sequence[str]], Mapping[str, Iterable[int]]]
"""From the keys of points to the samples of each that have a reply; a point without any may be missing."""


@dataclass(frozen=True, slots=True)
class PlannedPoint:
    """A point with its prompt's tokens. One that does not fit into the context `limit` is never sent; a count that is
    only an estimate keeps none from being sent."""

    point: Point
    count: Count
    limit: int | None

    @property
    def fits(self) -> bool:
        room = self.point.request.max_tokens or 1
        return self.limit is None or not self.count.exact or self.count.tokens + room <= self.limit


@dataclass
class ModelPreflight:
    """One model's share. Token counts are sums over the calls to be sent; None where something is not known.

    `cost_floor` is the prompts alone, `cost_ceiling` with every reply as long as it may be, both in US dollars.
    """

    ref: str
    facts: ModelFacts
    calls: int = 0
    answered: int = 0
    shared: int = 0  # cells that are the same on the wire as one before: they show its reply
    too_long: int = 0
    prompt_tokens: int = 0
    completion_ceiling: int | None = 0
    exact: bool = True
    reason: str = ""  # why the counts are not exact
    cost_floor: float | None = 0.0
    cost_ceiling: float | None = 0.0
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)  # parameters merged or not sent, each once
    embeds: bool = False  # it makes vectors of `texts`, several a call, and is neither asked nor judges
    texts: int = 0

    @property
    def free(self) -> bool:
        return self.facts.free

    def add(self, planned: PlannedPoint, samples: int, answered: int, *, repeated: bool) -> None:
        """Counts a point's cells in: as ones that do not fit, are answered already, or are to be sent (once a key)."""
        note = planned.point.variant.note
        if note and note not in self.notes:
            self.notes.append(note)
        if not planned.fits:
            self.too_long += samples
        elif repeated:
            self.shared += samples
        else:
            self.answered += answered
            if samples > answered:
                self._add_calls(planned, samples - answered)

    def _add_calls(self, planned: PlannedPoint, calls: int) -> None:
        tokens, room = planned.count.tokens, planned.point.request.max_tokens or self.facts.max_output
        self.calls += calls
        self.prompt_tokens += tokens * calls
        self.exact, self.reason = self.exact and planned.count.exact, self.reason or planned.count.reason
        self.completion_ceiling = _sum([self.completion_ceiling, room and room * calls])
        self.cost_floor = _sum([self.cost_floor, _times(calls, models.cost_of(self.facts, tokens).usd)])
        self.cost_ceiling = _sum([self.cost_ceiling, _times(calls, self._ceiling(tokens, room))])

    def add_judged(self, planned: PlannedPoint, samples: int, judge: Judging) -> None:
        """Counts in the replies that this model will judge. The floor is its prompt alone; the ceiling has the whole
        question and a reply as long as it may be."""
        reply, asks, room = planned.point.request.max_tokens, judge.asks, judge.room
        self.calls += samples
        self.prompt_tokens += (asks + planned.count.tokens) * samples
        self.completion_ceiling = _sum([self.completion_ceiling, room and room * samples])
        self.cost_floor = _sum([self.cost_floor, _times(samples, models.cost_of(self.facts, asks).usd)])
        most = None if reply is None else self._ceiling(asks + planned.count.tokens + reply, room)
        self.cost_ceiling = _sum([self.cost_ceiling, 0.0 if self.facts.free else _times(samples, most)])

    def add_vectors(self, planned: PlannedPoint, samples: int, judge: Judging) -> None:
        """The same for a model that embeds. The floor are the expected values alone."""
        expected, reply = planned.point.case.expected, planned.point.request.max_tokens
        if not (expected or "").strip():
            return
        self.texts += samples + 1
        self.calls = -(-self.texts // judge.texts_a_call) + self.texts // _TOGETHER
        tokens = -(-len((expected or "").encode("utf-8", "replace")) // 4)
        self.prompt_tokens += tokens + samples * (reply or 0)
        self.cost_floor = _sum([self.cost_floor, models.cost_of(self.facts, tokens).usd])
        most = models.cost_of(self.facts, tokens + samples * (reply or 0)).usd
        self.cost_ceiling = _sum([self.cost_ceiling, most if reply is not None or self.facts.free else None])

    def add_embedded(self, texts: Sequence[Count], batch: int) -> None:
        """Counts in texts that are sent `batch` at a time."""
        self.texts += len(texts)
        self.calls += -(-len(texts) // batch)
        for one in texts:
            cost = models.cost_of(self.facts, one.tokens).usd
            self.prompt_tokens += one.tokens
            self.exact, self.reason = self.exact and one.exact, self.reason or one.reason
            self.cost_floor, self.cost_ceiling = _sum([self.cost_floor, cost]), _sum([self.cost_ceiling, cost])

    def _ceiling(self, tokens: int, room: int | None) -> float | None:
        return models.cost_of(self.facts, tokens, room).usd


@dataclass(frozen=True)
class Preflight:
    """The sheet that stands before every run: `cells` in all, of which some are sent."""

    models: Sequence[ModelPreflight]
    skipped: Sequence[Skipped]
    cells: int
    budget: Budget | None = None
    judges: Sequence[ModelPreflight] = ()  # one a check that a model scores, once the replies are there

    @property
    def within_budget(self) -> bool | None:
        """The most that this plan takes is within its budget, or there is none. None: nobody knows.

        A budget in minutes is compared with what the calls are thought to take; failed attempts come on top of all.
        """
        if self.budget is None or not self.calls:
            return True
        asked = [model for model in (*self.models, *self.judges) if model.calls]
        ceilings = [model.completion_ceiling for model in asked]
        tokens = None if None in ceilings else sum(m.prompt_tokens for m in asked) + sum(c or 0 for c in ceilings)
        minutes = None if self.seconds is None else self.seconds / 60
        calls = sum(model.calls for model in asked)
        most = {"usd": self.cost_ceiling, "tok": tokens, "calls": calls, "min": minutes}[self.budget.unit]
        return None if most is None else most <= self.budget.amount

    @property
    def calls(self) -> int:
        return sum(m.calls for m in self.models)

    @property
    def answered(self) -> int:
        return sum(m.answered for m in self.models)

    @property
    def too_long(self) -> int:
        return sum(m.too_long for m in self.models)

    @property
    def prompt_tokens(self) -> int:
        return sum(m.prompt_tokens for m in self.models)

    @property
    def exact(self) -> bool:
        return all(m.exact for m in self.models)

    @property
    def free(self) -> bool:
        return all(m.free for m in (*self.models, *self.judges))

    @property
    def cost_floor(self) -> float | None:
        return _sum(m.cost_floor for m in (*self.models, *self.judges))

    @property
    def cost_ceiling(self) -> float | None:
        return _sum(m.cost_ceiling for m in (*self.models, *self.judges))

    @property
    def seconds(self) -> float | None:
        """Endpoints work side by side, so the slowest one tells; None when the speed of one is not known yet."""
        known = [m.seconds for m in self.models if m.calls]
        return None if None in known else max((s for s in known if s is not None), default=0.0)


def _sum(values: Iterable[_Number | None]) -> _Number | None:
    """None as soon as one of them is not known."""
    total = None
    for value in values:
        if value is None:
            return None
        total = value if total is None else total + value
    return total


def _times(calls: int, one: float | None) -> float | None:
    return None if one is None else calls * one


def endpoints_of(plan: Plan) -> dict[str, Endpoint]:
    """The endpoints of the plan's models by name. Raises PlanError for one that is not configured."""
    names = dict.fromkeys(connections.split_model(ref)[0] for ref in plan.models)
    return {name: connections.connect(name) for name in names}


def plan_points(plan: Plan, decided: Decided) -> Iterator[PlannedPoint]:
    """Every point of the plan with its token count and its model's context limit."""
    for ref in plan.models:
        connections.check_model(ref)
    limits = {ref: context_limit(ref) for ref in plan.models}
    counters = {ref: counter(ref) for ref in plan.models}
    counted: tuple[object, str, Count] | None = None
    for point in grid.points(plan, endpoints_of(plan), decided):
        # Temperatures of one case come one after the other, with the very same messages.
        ref, messages = point.model_ref, point.request.messages
        if counted is None or counted[0] is not messages or counted[1] != ref:
            counted = (messages, ref, counters[ref](messages, point.request.api, tools_of(point.request)))
        yield PlannedPoint(point, counted[2], limits[ref])


@dataclass(frozen=True, slots=True)
class Judging:
    """A check that a model scores: its prompt has `asks` tokens without the question and the reply, its mark `room`.

    Where `texts_a_call` is not 0 it makes vectors of replies and expected values instead.
    """

    ref: str
    facts: ModelFacts
    asks: int = 0
    room: int | None = 0
    texts_a_call: int = 0


@dataclass
class EstimateTally:
    """Adds a plan's points up to its sheet. `stored` says which samples have a reply, `speed` the seconds that a call
    of a model takes; a large plan is added up as it unrolls, and needs no memory for its points."""

    plan: Plan
    stored: StoredSamples
    speed: Callable[[str], float | None]
    judges: Mapping[str, Judging] = field(default_factory=dict)  # by the check

    def __post_init__(self) -> None:
        why = "the replies are not there yet"
        self._judged = {name: ModelPreflight(one.ref, one.facts, exact=False, reason=why, embeds=one.texts_a_call > 0)
                        for name, one in self.judges.items()}  # fmt: skip
        self._sheets = {ref: ModelPreflight(ref, connections.model_facts(ref)) for ref in self.plan.models}
        self._seen: set[str] = set()
        self._points = 0

    def through(self, planned: Iterable[PlannedPoint]) -> Iterator[PlannedPoint]:
        """The same points, added up."""
        planned = iter(planned)
        while chunk := list(islice(planned, _LOOKUP)):
            known = {} if self.plan.fresh else self.stored([one.point.key for one in chunk])
            for one in chunk:
                self._add(one, known.get(one.point.key, ()))
                yield one

    def _add(self, one: PlannedPoint, known: Iterable[int]) -> None:
        key, samples = one.point.key, self.plan.samples
        answered = sum(sample < samples for sample in known)
        self._sheets[one.point.model_ref].add(one, samples, answered, repeated=key in self._seen)
        self._seen.add(key)
        self._points += 1
        for check in self.plan.checks_for(one.point.prompt) if self.judges and one.fits else ():
            if judge := self.judges.get(str(check)):
                sheet = self._judged[str(check)]
                (sheet.add_vectors if judge.texts_a_call else sheet.add_judged)(one, samples, judge)

    def sheet(self) -> Preflight:
        """Of all that went through."""
        for sheet in self._sheets.values():
            one_call = self.speed(sheet.ref)
            sheet.seconds = None if one_call is None else sheet.calls * one_call
        cells, budget = self._points * self.plan.samples, parse_budget(self.plan.budget)
        judged, skipped = list(self._judged.values()), grid.skipped(self.plan)
        return Preflight(list(self._sheets.values()), skipped, cells, budget, judged)


def preflight(tally: EstimateTally) -> Preflight:
    """The sheet of the tally's plan. Raises PlanError or PromptError for one that cannot be carried out at all."""
    tally.plan.check_variables()
    for _ in tally.through(plan_points(tally.plan, grid.decide(tally.plan))):
        pass
    return tally.sheet()
