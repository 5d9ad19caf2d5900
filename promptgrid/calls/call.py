"""One batch on its way: reserved, sent in its turn, and written down however it ends."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from promptgrid import models
from promptgrid.budget import Cost
from promptgrid.calls.batch import Batch
from promptgrid.calls.journal import JournalEntry
from promptgrid.calls.pace import Pace
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.score_reply import read_and_score
from promptgrid.endpoint import Endpoint, Reply
from promptgrid.errors import EndpointError
from promptgrid.store.attempts import UNREPORTED, Attempt
from promptgrid.store.commits import CellOutcome, CellResult, ReplyOrigin, reply_row

PATIENCE_S = 900.0
"""So long a call waits, in all, for an endpoint that asks to wait; a daily limit is not waited for."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_LEAST_WAIT_S = 0.02
NOT_REPORTED = "The endpoint did not report how many tokens it took: the most it may have cost is counted."
COSTS_NOTHING = frozenset(
    {"auth", "quota", "unknown_model", "rate_limited", "refused_parameter", "too_long", "bad_request"}
)
_NOTHING = Cost(0.0, 0, 0)


class Halted(Exception):
    """The run is to send nothing more; what was asked for stays pending."""


class Call:
    """One batch on its way."""

    def __init__(self, job: RunContext, endpoint: Endpoint, pace: Pace, batch: Batch) -> None:
        self.job, self.endpoint, self.pace, self.batch = job, endpoint, pace, batch
        # Bytes over three: near enough to pace by, and free.
        size = sum(len(message.text) for message in batch.request.messages) / 3
        self.tokens = size + (batch.request.parameters.max_tokens or 0) * batch.request.n
        self.attempts = batch.attempts
        self.logged = 0  # attempts that were written down when they failed, and counted there
        self.faults = 0  # attempts that failed otherwise than by a request to wait
        self.waited_s = 0.0
        self.started = 0.0
        self.worst: Cost | None = None
        self.reservation: int | None = None
        self.reserves = False

    async def attempt(self) -> list[Reply]:
        """One attempt, in its turn. Raises EndpointError; BudgetReached, Halted and Fenced before anything is sent."""
        self.started = 0.0
        await self._reserve()
        try:
            turn = await self.pace.enter(self.tokens)
            try:
                await self.job.still_ours()
                if self.job.halted:
                    raise Halted
                return await self._sent(turn)
            finally:
                self.pace.leave(self.tokens)
        finally:
            if not self.started:
                self._release()

    async def _sent(self, turn: float) -> list[Reply]:
        self.attempts += 1
        self.started = time.time()
        task = asyncio.current_task()
        self.job.in_flight.add(task)  # a call that is under way is waited for when the run is paused
        try:
            replies = await self.endpoint.complete(self.batch.request)
        except EndpointError as error:
            self.faults += error.kind != "rate_limited"
            if error.kind == "rate_limited" or error.status == 503:
                self.pace.refused(turn, error.limits, error.retry_after)
            raise
        finally:
            self.job.in_flight.discard(task)
        self.pace.answered(turn, replies[0].limits)
        return replies

    async def _reserve(self) -> None:
        """Sets the worst case aside, on the disk too: a call that is lost with its runner was paid, perhaps."""
        if self.job.wall.budget is None:
            return
        self.worst = self.job.worst(self.batch)
        await self.job.reserve(self.worst)
        self.reserves = True
        call = Attempt(self.batch.positions[0], self.attempts + 1, time.time(), worst=self.worst)
        self.reservation = await self.job.journal.reserve(call)

    def _release(self) -> None:
        """Nothing was sent."""
        if self.worst is not None:
            self.job.wall.settle(self.worst, _NOTHING)
            self.job.journal.write(JournalEntry(settled=self.reservation))
            self.worst = self.reservation = None
            self._over()

    def _over(self) -> None:
        """What the call costs at most is known; to be said after the wall has been told."""
        if self.reserves:
            self.reserves = False
            self.job.ended()

    def wait_s(self, error: EndpointError) -> float | None:
        """Seconds until the next attempt; None: there is none."""
        retries = self.job.plan.retries
        if not error.retryable or not retries:
            return None
        doubled = 2.0 ** min(self.attempts - 1, 10)
        own = min(_FIRST_WAIT_S * doubled, _LONGEST_WAIT_S)
        # A server may ask to wait for no time at all, over and over.
        told = own if error.retry_after is None else max(error.retry_after, min(_LEAST_WAIT_S * doubled, own))
        wait = told * random.uniform(1.0, 1.25)
        if error.kind == "rate_limited":  # it costs nothing and will pass: patience is in time, not in attempts
            return wait if self.waited_s + wait <= PATIENCE_S else None
        return wait if self.faults <= retries else None

    def failed(self, error: EndpointError, wait_s: float | None) -> None:
        """Writes the attempt down; what it may have cost stays reserved."""
        self.waited_s += wait_s or 0.0
        self.job.journal.write(self._failure(error, wait_s))
        self.started, self.reservation = 0.0, None

    def _failure(self, error: EndpointError, wait_s: float | None) -> JournalEntry:
        worst = self.worst
        if error.kind in COSTS_NOTHING:
            if worst is not None:
                self.job.wall.settle(worst, _NOTHING)
            worst = None
        elif worst is None:
            worst = self.job.worst(self.batch)
        self._over()
        ms = (time.time() - self.started) * 1000
        lost = [
            Attempt(
                position, self.attempts, self.started, ms, error.kind, str(error), wait_s, worst if i == 0 else None
            )
            for i, position in enumerate(self.batch.positions)
        ]
        self.logged += 1
        return JournalEntry(attempts=lost, settled=self.reservation, retried=int(wait_s is not None))

    def in_another_form(self, error: EndpointError) -> list[Batch] | None:
        """A server that refuses `n` is asked for its samples one by one."""
        if error.kind == "refused_parameter" and error.param == "n" and len(self.batch.samples) > 1:
            self.failed(error, 0.0)
            return self.batch.halves(1)
        return None

    def fail(self, error: EndpointError) -> list[Batch]:
        """The batch's cells end with this error."""
        status = {"refused_parameter": "refused", "too_long": "too_long"}.get(error.kind, "failed")
        said = str(error) + (f"\n\n{error.raw}" if error.raw else "")
        if self.started:
            self.job.journal.write(self._failure(error, None))
        attempts = self.attempts - self.logged
        ends = [
            CellOutcome(CellResult(position, status, error=said, error_kind=error.kind, attempts=attempts))
            for position in self.batch.positions
        ]
        self.job.journal.write(JournalEntry(outcomes=lambda: ends))
        return []

    def end(self, replies: Sequence[Reply]) -> list[Batch]:
        """Writes the replies down; returns the batch of those samples that got none."""
        facts = self.job.facts[self.batch.point.model_ref]
        costs = [
            models.cost_of(facts, 0 if index else reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens)
            for index, reply in enumerate(replies)
        ]
        self._settle(costs)
        batch, attempts, plan = self.batch, self.attempts - self.logged, self.job.plan
        answered = [
            (position, reply.text, reply_row(reply, self._origin(sample, cost, len(costs))))
            for sample, position, reply, cost in zip(batch.samples, batch.positions, replies, costs, strict=False)
        ]

        def outcomes() -> list[CellOutcome]:
            return [
                CellOutcome(read_and_score(plan, batch.point, position, text, attempts), reply=row)
                for position, text, row in answered
            ]

        rows = [row for _, _, row in answered]
        self.job.journal.write(JournalEntry(outcomes, rows, self._unreported(replies, costs), self.reservation))
        left = batch.rest(len(answered), attempts)
        return [left] if left.samples else []

    def _origin(self, sample: int, cost: Cost, together: int) -> ReplyOrigin:
        point = self.batch.point
        return ReplyOrigin(
            key=point.key,
            kind=self.job.kind,
            endpoint=point.endpoint,
            model=point.model,
            cost_usd=cost.usd,
            sample=sample,
            run_id=self.job.run_id,
            batch=together,
            honoured=point.variant.honoured,
        )

    def _settle(self, costs: Sequence[Cost]) -> None:
        if self.worst is not None and _known(costs):
            usd = None if any(c.usd is None for c in costs) else sum(c.usd or 0.0 for c in costs)
            self.job.wall.settle(self.worst, Cost(usd, sum(c.tokens or 0 for c in costs)))
        self._over()

    def _unreported(self, replies: Sequence[Reply], costs: Sequence[Cost]) -> list[Attempt]:
        """A reply that does not say what it cost is counted at its worst."""
        if self.worst is None or _known(costs):
            return []
        ms = (time.time() - self.started) * 1000
        reported = (replies[0].prompt_tokens or 0) + sum(reply.completion_tokens or 0 for reply in replies)
        tokens = None if self.worst.tokens is None else max(0, self.worst.tokens - reported)
        worst = Cost(self.worst.usd, tokens, 0)
        return [
            Attempt(self.batch.positions[0], self.attempts, self.started, ms, UNREPORTED, NOT_REPORTED, None, worst)
        ]


def _known(costs: Sequence[Cost]) -> bool:
    return all(cost.tokens is not None for cost in costs)
