"""Yields the points of a plan with their token counts and their models' context limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid import connections, grid, techniques
from promptgrid.endpoint import Endpoint
from promptgrid.grid import Decided, Plan, Point
from promptgrid.techniques.retrieval import expected_calls
from promptgrid.tokens import Count, Counter, ReportedUsage, context_limit, corrected_counter, count_request


@dataclass(frozen=True, slots=True)
class PlannedPoint:
    """A point with the token count of its first prompt. `limit` is the model's context limit in tokens (None: not
    known). If the model decides what is retrieved, `later` has the tokens of the next prompts up to the first one of
    the technique, with what the question finds as it was asked."""

    point: Point
    count: Count
    limit: int | None
    later: tuple[int, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the prompt and its reply may fit into the model's context; if not, the point is never sent. If
        the count is inexact, the least number of tokens that the prompt can have is compared. The beams of a search
        share the context of the built-in model."""
        parameters = self.point.request.parameters
        certain = self.count.tokens if self.count.exact else self.count.least
        beams = parameters.written if self.point.endpoint == connections.BUILTIN else 1
        return self.limit is None or beams * (certain + (parameters.max_tokens or 1)) <= self.limit

    @property
    def too_long(self) -> str:
        """Why the point is never sent; "" if it fits."""
        if self.fits:
            return ""
        room = self.point.request.parameters.max_tokens or 1
        needed = f"{self.count.tokens:,} prompt tokens and {room:,} for the reply"
        return f"{needed} are over the limit of {self.limit}."


def endpoints_of(plan: Plan) -> dict[str, Endpoint]:
    """Returns the endpoints of the plan's models by endpoint name. Raises PlanError for an endpoint that is not
    configured."""
    return {name: connections.connect(name) for name in plan.endpoint_names}


def plan_points(
    plan: Plan, decided: Decided, usage: Callable[[str], Sequence[ReportedUsage]] = lambda ref: ()
) -> Iterator[PlannedPoint]:
    """Yields every point of the plan with its token count and its model's context limit. `decided` has the parameters
    to send, from `decide`. `usage` is called with each model (ENDPOINT/MODEL) and returns the token counts that its
    latest replies reported, by which inexact counts are corrected."""
    for ref in (*plan.models, *plan.step_models):
        connections.check_model(ref)
    limits = {ref: context_limit(ref) for ref in plan.models}
    counters = {ref: corrected_counter(ref, usage(ref)) for ref in plan.models}
    of_case: tuple[object, ...] = ()
    counts: dict[int, tuple[object, Count]] = {}  # by the identity of a tuple of messages, which is held here
    for point in grid.points(plan, endpoints_of(plan), decided):
        # The points of one case are consecutive and share the messages of each context, which are counted once.
        ref, request = point.model_ref, point.request
        if of_case != (case := (ref, point.case_position, point.technique, point.prompt.version)):
            of_case, counts = case, {}
        if id(request.messages) not in counts:
            counts[id(request.messages)] = request.messages, count_request(request, counters[ref])
        yield PlannedPoint(point, counts[id(request.messages)][1], limits[ref], _later(plan, point, counters[ref]))


def _later(plan: Plan, point: Point, counter: Counter) -> tuple[int, ...]:
    if point.retrieval is None:
        return ()
    options: dict[str, Any] = {"k": point.examples_k, "examples_as": plan.examples_as, "retrieval": point.retrieval}
    calls = expected_calls(techniques.progress(point.asked, point.values, point.technique, **options))
    requests = (
        replace(point.request, messages=tuple(turn.message for turn in call.ask.turns), tools=call.ask.tools)
        for call in calls[1:]
    )
    return tuple(count_request(request, counter).tokens for request in requests)
