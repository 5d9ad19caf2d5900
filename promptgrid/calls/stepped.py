"""Carries out the cells of techniques that make several calls.

Each call has a key of its own, so it is looked up, paced, retried, budgeted and stored like any other. Calls of
one round that send the same, without a seed, are one request for several replies where the endpoint takes `n`. A cell
needs no memory but its stored replies: after a kill the technique is given them again and goes on.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from promptgrid.calls.batch import Batch
from promptgrid.calls.call import Halted, error_text, failed_status
from promptgrid.calls.feed import Feed, SampleName, SteppedCell
from promptgrid.calls.journal import JournalEntry
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.score_reply import read_and_score
from promptgrid.calls.step_batch import Branch, StepBatch
from promptgrid.calls.tried import started
from promptgrid.endpoint import Endpoint, Request
from promptgrid.errors import EndpointError, PromptgridError
from promptgrid.grid import Point
from promptgrid.grid.points import step_point
from promptgrid.prompt.retrieval import query_embedder
from promptgrid.prompt.tools import ToolCall, calls_from
from promptgrid.store import Database
from promptgrid.store.commits import CellOutcome, CellResult
from promptgrid.store.documents.retrieved import CellContext
from promptgrid.store.steps import StepRecord, StoredStep, steps_of
from promptgrid.store.stored_replies import StoredReply, stored_replies
from promptgrid.techniques import Done, StepCall, StepReply
from promptgrid.techniques.passages import Context, Passages
from promptgrid.techniques.steps import DocumentSearch
from promptgrid.tokens import count_request, counter

_NEARLY = 1e-6  # shares of a call that add up to one are a little more


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
    embed       makes the vectors of queries by an embedder (ENDPOINT/MODEL), as calls of the run; raises what `send`
                raises, EndpointError and DocumentsError
    """

    context: RunContext
    database: Database
    cell: SteppedCell
    feed: Feed
    working: set[asyncio.Task[Any]]
    endpoints: Mapping[str, Endpoint]
    send: Callable[[Batch], Awaitable[Sequence[tuple[Batch, EndpointError]]]]
    embed: Callable[[str, Sequence[str]], Awaitable[None]]
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
            self._end(partial(self._result, done, tool_calls), done.reply.call.number, done.context)

    async def _done(self) -> tuple[Done, Sequence[ToolCall]]:
        """Returns the end of the technique, and the calls of tools in all its replies."""
        progress = started(self.cell.plan, self.cell.point)
        while progress.done is None:
            if progress.search:
                progress.find(await self._found(progress.search))
                continue
            work = [self._replies(branches) for branches in self._grouped(progress.calls)]
            replies = await work[0] if len(work) == 1 else await self._side_by_side(work)
            progress.answer(sorted(replies, key=lambda reply: reply.call.number))
        return progress.done, progress.tool_calls

    async def _found(self, search: DocumentSearch) -> Passages:
        """Returns what the search finds for the cell's case. It is stored before a reply to it, so that a resumed cell
        shows the same."""
        point, contexts = self.cell.point, self.cell.plan.contexts
        assert contexts is not None
        if embedder := query_embedder(point.variant.sent.parameters):
            await self.embed(embedder, search.queries)
        context = await asyncio.to_thread(contexts.search, point.variant.sent.parameters, point.case, search.queries)
        self.context.journal.write(JournalEntry(found=[CellContext(point.case.id, context)]))
        return context.passages

    def _grouped(self, calls: Sequence[StepCall]) -> list[list[Branch]]:
        """Returns the calls of a round with their points, those together that one request may ask for: they send the
        same, without a seed, and are no more than their endpoint takes at once."""
        groups: list[list[Branch]] = []
        for call in calls:
            point = step_point(self.cell.point, call, self.endpoints)
            parameters = point.request.parameters
            is_alone = parameters.searches or parameters.seed is not None
            most = 1 if is_alone else self.endpoints[point.endpoint].max_n
            sent = point.endpoint, point.request
            group = next((one for one in groups if len(one) < most and sent == _sent_by(one[0])), None)
            if group is None:
                groups.append(group := [])
            group.append((call, point))
        return groups

    async def _side_by_side(self, work: Sequence[Coroutine[Any, Any, list[StepReply]]]) -> list[StepReply]:
        """Returns the replies to these calls when all have ended: one that fails does not cancel the others, which may
        be paid for. Raises the first error; Halted if the halted run cancelled a call that was not sent."""
        mine, tasks = asyncio.current_task(), [asyncio.create_task(one) for one in work]
        assert mine is not None
        self.working.discard(mine)
        self.working.update(tasks)
        try:
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self.working.difference_update(tasks)
            self.working.add(mine)
        for one in ended:
            if isinstance(one, BaseException):
                raise Halted if isinstance(one, asyncio.CancelledError) else one
        return [reply for one in ended if isinstance(one, list) for reply in one]

    async def _replies(self, branches: Sequence[Branch]) -> list[StepReply]:
        """Returns the replies to calls that send the same: those that the cell has, stored ones, and for the others new
        ones, by one request. Raises InFlightElsewhere if any of them is being sent already."""
        replies = [reply for branch in branches if (reply := self._earlier(branch))]
        known = {reply.call.number for reply in replies}
        left = [branch for branch in branches if branch[0].number not in known]
        if not left:
            return replies
        own = [name for branch in left if (name := self._name(branch)) not in self.cell.names]
        claimed = [name for name in own if self.feed.claim_call(name)]
        try:
            if len(claimed) < len(own):
                raise InFlightElsewhere
            stored = await self._stored_replies(claimed)
            there = [(branch, one) for branch in left if (one := stored.get(self._name(branch)))]
            replies += self._reused(there)
            missing = [branch for branch in left if self._name(branch) not in stored]
            return replies + (await self._sent(missing) if missing else [])
        finally:
            if claimed:
                self.context.journal.write(JournalEntry(committed=partial(self.feed.release, claimed)))

    def _name(self, branch: Branch) -> SampleName:
        return branch[1].key, self.cell.sample

    def _earlier(self, branch: Branch) -> StepReply | None:
        """Returns the reply that the cell has to this call; None if it has none."""
        call, point = branch
        step = self._stored.get(call.number)
        if step is None or step.key != point.key:
            return None
        self.paid |= not step.reused
        return StepReply(call, step.text, step.finish_reason, step.reasoning, calls_from(step.tool_calls))

    async def _stored_replies(self, claimed: Sequence[SampleName]) -> dict[SampleName, StoredReply]:
        """Returns the stored replies to calls of the cell, by name: those looked up for these names, and that to the
        first call, which the feed has claimed and looked up."""
        stored = {name: self.cell.first for name in self.cell.names if self.cell.first}
        if claimed:
            own = self.context.run_id if self.cell.plan.fresh else None
            keys = [key for key, _ in claimed]
            stored |= await asyncio.to_thread(stored_replies, self.database, keys, own)
        return stored

    def _reused(self, replies: Sequence[tuple[Branch, StoredReply]]) -> list[StepReply]:
        """Returns these stored replies, and records them as calls of the cell. One call that brought several of them to
        a run that was killed is one attempt."""
        answers, attempted = list[StepReply](), 0.0
        for (call, _), stored in replies:
            reused = stored.shown or stored.run_id != self.context.run_id
            self.paid |= not reused
            before, attempted = attempted, attempted + (0.0 if reused else 1 / stored.batch)
            record = StepRecord(
                self.cell.position, call.number, call.round, call.ask.step, None, stored.id, reused,
                attempts=math.ceil(attempted - _NEARLY) - math.ceil(before - _NEARLY),
            )  # fmt: skip
            self.context.journal.write(JournalEntry(steps=[record]))
            answers.append(StepReply(call, stored.text, reasoning=stored.reasoning, tool_calls=stored.tool_calls))
        return answers

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

    async def _sent(self, branches: Sequence[Branch]) -> list[StepReply]:
        """Returns the replies to these calls, which send the same, by one request."""
        call, point = branches[0]
        await self._check_length(call, point)
        samples = (self.cell.sample,) * len(branches)
        batch = StepBatch(point, samples, (self.cell.position,), branches=tuple(branches))
        failed = await self.send(batch)
        if failed:
            part = failed[0][0]
            raise _StepFailed((part if isinstance(part, StepBatch) else batch).branches[0][0].ask.step, failed[0][1])
        self.paid |= bool(batch.received)
        if len(batch.received) < len(branches):  # the run was halted before the call was sent
            raise Halted
        return [
            StepReply(call, reply.text, reply.finish_reason, reply.reasoning, reply.tool_calls)
            for call, _ in branches
            for reply in [batch.received[call.number]]
        ]

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

    def _end(self, result: Callable[[], CellResult], output: int | None = None, shown: Context | None = None) -> None:
        def outcomes() -> list[CellOutcome]:
            outcome = result()
            return [CellOutcome(outcome, stepped=True, output=output if outcome.status == "answered" else None)]

        found = [CellContext(self.cell.point.case.id, shown, self.cell.position)] if shown else []
        self.context.journal.write(JournalEntry(outcomes, found=found))


def _sent_by(branch: Branch) -> tuple[str, Request]:
    return branch[1].endpoint, branch[1].request
