"""Carries out the cells of techniques that make several calls.

Each call has a key of its own, so it is looked up, paced, retried, budgeted and stored like any other. A cell needs no
memory but its stored replies: after a kill the technique is given them again and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from promptgrid.calls.batch import Batch
from promptgrid.calls.call import Halted, error_text, failed_status
from promptgrid.calls.feed import Feed, SteppedCell
from promptgrid.calls.journal import JournalEntry
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.score_reply import read_and_score
from promptgrid.calls.tried import started
from promptgrid.endpoint import Endpoint, Reply
from promptgrid.errors import EndpointError, PromptgridError
from promptgrid.grid import Point
from promptgrid.grid.points import step_point
from promptgrid.prompt.tools import ToolCall, calls_from
from promptgrid.store import Database
from promptgrid.store.commits import CellOutcome, CellResult
from promptgrid.store.database import Row
from promptgrid.store.steps import StepRecord, StoredStep, steps_of
from promptgrid.store.stored_replies import StoredReply, stored_replies
from promptgrid.techniques import Done, StepCall, StepReply
from promptgrid.tokens import count_request, counter


@dataclass(frozen=True)
class _StepBatch(Batch):
    """One call of a cell that makes several. `received` takes the reply; the cell itself does not end with the call."""

    call: StepCall | None = None
    received: list[Reply] = field(default_factory=list)

    @property
    def ends(self) -> tuple[int, ...]:
        return ()

    def steps(self, replies: Sequence[Reply], rows: Sequence[Row]) -> list[StepRecord]:
        assert self.call is not None
        self.received.extend(replies)
        call, (position,) = self.call, self.positions
        return [StepRecord(position, call.number, call.round, call.ask.step, row) for row in rows]


class _StepFailed(Exception):
    """A call of the cell failed, so the cell fails."""

    def __init__(self, step: str, error: EndpointError) -> None:
        super().__init__(step, error)
        self.step, self.error = step, error


class InFlightElsewhere(Exception):
    """Another cell is sending the same call: this cell stays pending and is taken again when that reply is stored."""


@dataclass
class CellSteps:
    """Carries out one cell.

    feed        the feed of the cell, which has claimed its first call and claims the others
    working     the tasks of the run; a halted run cancels those that have no call in flight
    endpoints   the endpoints by name
    send        sends a call and returns the parts that failed, with their errors
    """

    context: RunContext
    database: Database
    cell: SteppedCell
    feed: Feed
    working: set[asyncio.Task[Any]]
    endpoints: Mapping[str, Endpoint]
    send: Callable[[Batch], Awaitable[Sequence[tuple[Batch, EndpointError]]]]
    paid: bool = False  # whether the run has paid for a call of this cell, now or before it was resumed
    _stored: Mapping[int, StoredStep] = field(default_factory=dict)

    async def run(self) -> None:
        """Makes the calls that the technique asks for, and commits how the cell ended. Raises InFlightElsewhere, and
        what `send` raises in place of sending."""
        stored = await asyncio.to_thread(steps_of, self.database, self.context.run_id, self.cell.position)
        self._stored = {one.number: one for one in stored}
        try:
            done, tool_calls = await self._done()
        except _StepFailed as failed:
            text, kind = error_text(failed.error), failed.error.kind
            self._end(self._failed(failed_status(failed.error), f"Step {failed.step}: {text}", kind))
        except PromptgridError as error:
            self._end(self._failed("failed", str(error), "technique"))
        else:
            self._end(partial(self._result, done, tool_calls), done.reply.call.number)

    async def _done(self) -> tuple[Done, Sequence[ToolCall]]:
        """Returns the end of the technique, and the calls of tools in all its replies."""
        progress = started(self.cell.plan, self.cell.point)
        while progress.done is None:
            calls = [self._reply(call) for call in progress.calls]
            progress.answer([await calls[0]] if len(calls) == 1 else await self._side_by_side(calls))
        return progress.done, progress.tool_calls

    async def _side_by_side(self, calls: Sequence[Coroutine[Any, Any, StepReply]]) -> list[StepReply]:
        """Returns the replies to these calls when all have ended: one that fails does not cancel the others, which may
        be paid for. Raises the first error; Halted if the halted run cancelled a call that was not sent."""
        mine, tasks = asyncio.current_task(), [asyncio.create_task(call) for call in calls]
        assert mine is not None
        self.working.discard(mine)
        self.working.update(tasks)
        try:
            replies = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self.working.difference_update(tasks)
            self.working.add(mine)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise Halted if isinstance(reply, asyncio.CancelledError) else reply
        return [reply for reply in replies if isinstance(reply, StepReply)]

    async def _reply(self, call: StepCall) -> StepReply:
        point = step_point(self.cell.point, call, self.endpoints)
        known = self._stored.get(call.number)
        if known is not None and known.key == point.key:
            self.paid |= not known.reused
            return StepReply(call, known.text, known.finish_reason, known.reasoning, calls_from(known.tool_calls))
        name = (point.key, self.cell.sample)
        if name in self.cell.names:  # the feed has claimed it, and looked it up
            return await self._reused_or_sent(call, point, self.cell.first)
        if not self.feed.claim_call(name):
            raise InFlightElsewhere
        try:
            own = self.context.run_id if self.cell.plan.fresh else None
            replies = await asyncio.to_thread(stored_replies, self.database, [point.key], own)
            return await self._reused_or_sent(call, point, replies.get(name))
        finally:
            self.context.journal.write(JournalEntry(committed=partial(self.feed.release, [name])))

    async def _reused_or_sent(self, call: StepCall, point: Point, stored: StoredReply | None) -> StepReply:
        if stored is None:
            return await self._sent(call, point)
        reused = stored.shown or stored.run_id != self.context.run_id
        self.paid |= not reused
        record = StepRecord(self.cell.position, call.number, call.round, call.ask.step, None, stored.id, reused)
        self.context.journal.write(JournalEntry(steps=[record]))
        return StepReply(call, stored.text, reasoning=stored.reasoning, tool_calls=stored.tool_calls)

    async def _check_length(self, call: StepCall, point: Point) -> None:
        """Raises _StepFailed if the call cannot fit into the context of its model: it is not sent."""
        facts, request = self.context.facts(point.model_ref), point.request
        room = request.parameters.max_tokens or 1
        # A token is at least one byte; 16 covers a role's overhead. Most calls need no count.
        most = sum(len(message.text.encode("utf-8", "replace")) + 16 for message in request.messages)
        if facts.context is None or most + room <= facts.context:
            return
        count = await asyncio.to_thread(lambda: count_request(request, counter(point.model_ref)))
        tokens = count.tokens if count.exact else count.least
        if tokens + room > facts.context:
            needed = f"{tokens:,} prompt tokens and {room:,} for the reply"
            message = f"{needed} are over the limit of {facts.context:,} of {point.model_ref}. It was not sent."
            raise _StepFailed(call.ask.step, EndpointError("too_long", message))

    async def _sent(self, call: StepCall, point: Point) -> StepReply:
        await self._check_length(call, point)
        batch = _StepBatch(point, (self.cell.sample,), (self.cell.position,), call=call)
        failed = await self.send(batch)
        if failed:
            raise _StepFailed(call.ask.step, failed[0][1])
        if not batch.received:  # the run was halted before the call was sent
            raise Halted
        self.paid = True
        (reply,) = batch.received
        return StepReply(call, reply.text, reply.finish_reason, reply.reasoning, reply.tool_calls)

    def _result(self, done: Done, tool_calls: Sequence[ToolCall]) -> CellResult:
        cell, reply = self.cell, done.reply
        result = read_and_score(
            cell.plan,
            cell.point,
            cell.position,
            reply.text,
            reply.reasoning,
            tool_calls=tool_calls,
            reused=not self.paid,
        )
        if not done.note or result.answer is None:
            return result
        note = "; ".join(filter(None, (result.answer.note, done.note)))
        return replace(result, answer=replace(result.answer, note=note))

    def _failed(self, status: str, error: str, kind: str) -> Callable[[], CellResult]:
        result = CellResult(self.cell.position, status, error=error, error_kind=kind)
        return lambda: result

    def _end(self, result: Callable[[], CellResult], output: int | None = None) -> None:
        def outcomes() -> list[CellOutcome]:
            outcome = result()
            return [CellOutcome(outcome, stepped=True, output=output if outcome.status == "answered" else None)]

        self.context.journal.write(JournalEntry(outcomes))
