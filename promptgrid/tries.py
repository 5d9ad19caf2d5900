"""Trying a prompt once: streamed as it comes, stored when it has ended, marked as a try."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

from promptgrid import connections, grid, models
from promptgrid.endpoint import Delta, Reply
from promptgrid.errors import PlanError
from promptgrid.grid import Cell, Plan
from promptgrid.preflight import PlannedCell
from promptgrid.store import Database, work
from promptgrid.tokens import context_limit, count_messages


def try_cell(plan: Plan) -> Cell:
    """The first cell of a plan: what `try_once` sends. Raises PlanError or PromptError."""
    name, _ = connections.split_model(plan.models[0])
    cell = next(grid.cells(plan, {name: connections.connect(name)}), None)
    if cell is None:
        first = grid.skipped(plan)[0]
        raise PlanError(f'"{first.prompt}" cannot be put as {first.technique}: {first.reason}.')
    count = count_messages(cell.request.messages, cell.model_ref, cell.request.api)
    planned = PlannedCell(cell, count, context_limit(cell.model_ref))
    if not planned.fits:
        hint = "Shorten the prompt, show fewer examples, or leave less room for the reply."
        raise PlanError(
            f"{count.tokens:,} prompt tokens do not fit into {planned.limit:,}: nothing was sent.", hint=hint
        )
    return cell


def try_once(database: Database, plan: Plan) -> Iterator[Delta]:
    """Streams the first cell's reply; the last piece has the whole reply. Closing the iterator cancels the call."""
    yield from connections.iterate_sync(stream_try(database, try_cell(plan)))


async def stream_try(database: Database, cell: Cell) -> AsyncIterator[Delta]:
    """The same for a coroutine: cancelling its task cancels the call, whatever it is waiting for."""
    deltas = connections.connect(cell.endpoint).stream(cell.request)
    try:
        async for delta in deltas:
            if delta.reply is not None:
                with database.write() as connection:
                    work.insert_reply(connection, delta.reply, **_facts(cell, delta.reply))
            yield delta
    finally:
        close = getattr(deltas, "aclose", None)
        if close is not None:
            await close()


def cost_usd(cell: Cell, reply: Reply) -> float | None:
    """What the reply cost, in US dollars; None where the price or the token counts are not known."""
    known = connections.model_facts(cell.model_ref)
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return 0.0 if known.free else None
    return models.cost_usd(known, reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens or 0)


def _facts(cell: Cell, reply: Reply) -> Mapping[str, object]:
    return {
        # A key of its own: a try is never taken for a reply of a run.
        "key": f"try:{cell.key}",
        "kind": "try",
        "run_id": None,
        "endpoint": cell.endpoint,
        "model": cell.model,
        "seed": cell.request.seed,
        "batch": 1,
        "cost_usd": cost_usd(cell, reply),
    }
