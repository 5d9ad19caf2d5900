"""Trying a prompt once: streamed as it comes, stored when it has ended, marked as a try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from promptgrid import connections, grid, models
from promptgrid.endpoint import Delta
from promptgrid.grid import Cell, Plan
from promptgrid.store import Database, work


def try_cell(plan: Plan) -> Cell:
    """The first cell of a plan: what `try_once` sends. Raises PlanError or PromptError."""
    name, _ = connections.split_model(plan.models[0])
    return next(grid.cells(plan, {name: connections.connect(name)}))


def try_once(database: Database, plan: Plan) -> Iterator[Delta]:
    """Streams the first cell's reply; the last piece has the whole reply. Closing the iterator cancels the call."""
    cell = try_cell(plan)
    endpoint = connections.connect(cell.endpoint)
    for delta in connections.iterate_sync(endpoint.stream(cell.request)):
        if delta.reply is not None:
            with database.write() as connection:
                work.insert_reply(connection, delta.reply, **_facts(cell, delta))
        yield delta


def _facts(cell: Cell, delta: Delta) -> Mapping[str, object]:
    reply = delta.reply
    assert reply is not None
    known = connections.model_facts(cell.model_ref)
    counted = reply.prompt_tokens is not None and reply.completion_tokens is not None
    cost = models.cost_usd(known, reply.prompt_tokens or 0, reply.completion_tokens or 0, reply.cached_tokens or 0)
    return {
        # A key of its own: a try is never taken for a reply of a run.
        "key": f"try:{cell.key}",
        "kind": "try",
        "run_id": None,
        "endpoint": cell.endpoint,
        "model": cell.model,
        "seed": cell.request.seed,
        "batch": 1,
        "cost_usd": cost if counted or known.free else None,
    }
