"""Tries a prompt once: streams the reply, stores it when it is complete, and marks it as a try."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from promptgrid import connections, grid, models
from promptgrid.endpoint import Delta, Reply, Request
from promptgrid.errors import PlanError
from promptgrid.grid import Plan, Point
from promptgrid.grid.planned_points import PlannedPoint
from promptgrid.store import Database, commits
from promptgrid.store.commits import ReplyOrigin
from promptgrid.tokens import context_limit, count_request, counter


def try_point(plan: Plan) -> Point:
    """Returns the first point of the plan, for one call outside of any run. Raises PlanError if nothing can be sent (no
    cell, or a prompt that is too long), PromptError for a broken template."""
    name, _ = connections.split_model(plan.models[0])
    point = next(grid.points(plan, {name: connections.connect(name)}, grid.decide(plan)), None)
    if point is None:
        first = grid.skipped(plan)[0]
        raise PlanError(f'"{first.prompt}" cannot use {first.technique}: {first.reason}.')
    request = point.request
    count = count_request(request, counter(point.model_ref))
    planned = PlannedPoint(point, count, context_limit(point.model_ref))
    if not planned.fits:
        hint = "Shorten the prompt, show fewer examples, or leave less room for the reply."
        raise PlanError(
            f"{count.tokens:,} prompt tokens do not fit into {planned.limit:,}: nothing was sent.", hint=hint
        )
    return point


async def stream_try(database: Database, point: Point) -> AsyncIterator[Delta]:
    """Sends the point's request once and yields the reply in pieces. The last piece holds the complete reply, which is
    stored as a try: it belongs to no run. Cancelling the task cancels the call."""
    call = SingleCall(point.endpoint, point.model, point.request, point.key, point.variant.honoured)
    async with aclosing(stream_call(database, call)) as deltas:
        async for delta in deltas:
            yield delta


@dataclass(frozen=True, slots=True)
class SingleCall:
    """One request outside any run. Equal requests have the same `key`. `honoured` is JSON: for each requested
    parameter, whether the model is known to take it."""

    endpoint: str
    model: str
    request: Request
    key: str
    honoured: str = "{}"

    @property
    def model_ref(self) -> str:
        """The model's reference, ENDPOINT/MODEL."""
        return f"{self.endpoint}/{self.model}"


async def stream_call(
    database: Database, call: SingleCall, on_stored: Callable[[Any, int, Reply], None] | None = None
) -> AsyncGenerator[Delta]:
    """Sends the request, yields the reply in pieces, and stores it when it is complete. `on_stored(connection, reply
    id, reply)` is then called within the same transaction."""
    deltas = connections.connect(call.endpoint).stream(call.request)
    try:
        async for delta in deltas:
            if delta.reply is not None:
                with database.write() as connection:
                    row = commits.reply_row(delta.reply, _origin(call, delta.reply))
                    reply_id = commits.insert_reply(connection, row)
                    if on_stored is not None:
                        on_stored(connection, reply_id, delta.reply)
            yield delta
    finally:
        close = getattr(deltas, "aclose", None)
        if close is not None:
            await close()


def cost_usd(call: Point | SingleCall, reply: Reply) -> float | None:
    """Returns the cost of one reply to the call in US dollars, by the model's prices; None if a price or a token count
    is not known."""
    facts = connections.model_facts(call.model_ref)
    return models.cost_of(facts, reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens).usd


def _origin(call: SingleCall, reply: Reply) -> ReplyOrigin:
    return ReplyOrigin(
        key=f"try:{call.key}",  # a separate key, so that a run never reuses the reply of a try
        kind="try",
        endpoint=call.endpoint,
        model=call.model,
        cost_usd=cost_usd(call, reply),
        honoured=call.honoured,
    )
