"""Makes one call: reserves its worst case, sends it when the pace allows, and records how it ended."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Generic, TypeVar

from promptgrid import models
from promptgrid.budget import Cost
from promptgrid.calls.batch import Batch
from promptgrid.calls.journal import JournalEntry
from promptgrid.calls.pace import Pace
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.text_batch import KIND, TextBatch
from promptgrid.endpoint import Endpoint, Reply
from promptgrid.endpoint.base import Resent, before_writing
from promptgrid.errors import EndpointError
from promptgrid.store.attempts import NO_CELL, UNREPORTED, Attempt
from promptgrid.store.commits import CellOutcome, CellResult, ReplyOrigin, reply_row

PATIENCE_S = 900.0
"""The total time that a call waits for an endpoint that asks to wait; a longer limit, such as a daily one, ends it."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_LEAST_WAIT_S = 0.02
BAD_REPLIES = 2
"""How often a call is retried after a reply that cannot be read; each attempt costs money."""
COUNTED = "The most it may have cost is counted."
NOT_REPORTED = f"The endpoint did not report how many tokens it took. {COUNTED}"
IMPLAUSIBLE = "The endpoint reported what cannot be true: {}."
COSTS_NOTHING = frozenset(
    {"auth", "quota", "unknown_model", "rate_limited", "refused_parameter", "too_long", "bad_request"}
)
_NOTHING = Cost(0.0, 0, 0)


class Halted(Exception):
    """Raised in place of sending a call after its run was halted, such as by a pause; the call's cells stay pending."""


P = TypeVar("P", Batch, TextBatch)
"""The payload of a call: samples of a point by chat or completion, or texts to embed."""


class Call(Generic[P]):
    """One call to an endpoint, with one payload (samples or texts): it counts the attempts, holds the reservation of
    its cost in the budget, and records how it ended."""

    def __init__(self, context: RunContext, endpoint: Endpoint, pace: Pace, payload: P) -> None:
        self.context, self.endpoint, self.pace = context, endpoint, pace
        self.payload: P = payload
        self.facts = context.facts(f"{payload.endpoint}/{payload.model}")
        self.tokens = payload.tokens
        self.attempts = payload.attempts
        self.logged = 0  # failed attempts already written to the journal
        self.faults = 0  # failed attempts, except those that were rate-limited
        self.bad_replies = 0
        self.waited_s = 0.0
        self.started = 0.0  # seconds since 1970; 0: not sent
        self.worst: Cost | None = None
        self.reservation: int | None = None
        self.reserves = False

    async def attempt(self) -> list[Reply]:
        """Waits for the budget and the pace, sends the call once and returns the replies. Raises EndpointError if the
        attempt fails; before sending, raises BudgetReached, Halted or Fenced (the run has another owner)."""
        self.started = 0.0
        await self._reserve()
        try:
            turn = await self.pace.enter(self.tokens)
            try:
                await self.context.still_ours()
                if self.context.halted:
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
        self.context.journal.rate.start()
        task = asyncio.current_task()
        self.context.in_flight.add(task)  # a halted run waits for this call
        before_writing.set(self.context.still_ours)  # the process may sleep while it connects
        try:
            replies = await self.payload.send(self.endpoint)
        except EndpointError as error:
            self._log_resent(error.resent)
            self.faults += error.kind != "rate_limited"
            self.bad_replies += error.kind == "bad_reply"
            if error.kind == "rate_limited" or error.status == 503:
                self.pace.refused(turn, error.limits, error.retry_after)
            raise
        finally:
            self.context.in_flight.discard(task)
        self.pace.answered(turn, replies[0].limits)
        self._log_resent(replies[0].resent)
        return replies

    async def _reserve(self) -> None:
        """Reserves the most that the call can cost in the budget and on disk, since a call that is lost with its
        process may have been paid for. Does nothing where neither a budget nor a number of calls limits the
        run. Raises BudgetReached."""
        if not self.context.wall.limits:
            return
        self.worst = self.payload.worst(self.facts)
        await self.context.reserve(self.worst)
        self.reserves = True
        attempt = Attempt(self._positions[0], self.attempts + 1, time.time(), worst=self.worst)
        self.reservation = await self.context.journal.reserve(attempt)

    def _release(self) -> None:
        """Frees the reserved cost of a call that was not sent."""
        if self.worst is not None:
            self.context.wall.settle(self.worst, _NOTHING)
            self.context.journal.write(JournalEntry(settled=self.reservation))
            self.worst = self.reservation = None
            self._end_reservation()

    def _end_reservation(self) -> None:
        """Marks the reservation as ended and wakes the calls that wait for room in the budget. The budget must have the
        call's true cost already."""
        if self.reserves:
            self.reserves = False
            self.context.ended()

    @property
    def _positions(self) -> tuple[int, ...]:
        return self.payload.positions or (NO_CELL,)

    def wait_s(self, error: EndpointError) -> float | None:
        """Returns the seconds to wait before the next attempt after this error; None if the call is not to be
        retried."""
        retries = self.context.retries
        if not error.retryable or not retries:
            return None
        doubled = 2.0 ** min(self.attempts - 1, 10)
        own = min(_FIRST_WAIT_S * doubled, _LONGEST_WAIT_S)
        # A server may repeatedly ask to retry after zero seconds.
        least = own if error.retry_after is None else max(error.retry_after, min(_LEAST_WAIT_S * doubled, own))
        wait = least * random.uniform(1.0, 1.25)
        if error.kind == "rate_limited":  # free and temporary: limited by time, not by attempts
            return wait if self.waited_s + wait <= PATIENCE_S else None
        return wait if self.faults <= retries and self.bad_replies <= BAD_REPLIES else None

    def log_failure(self, error: EndpointError, wait_s: float | None) -> None:
        """Writes a failed attempt to the journal; the call is retried after `wait_s` seconds (None: not retried). What
        the attempt may have cost stays reserved."""
        self.waited_s += wait_s or 0.0
        self.context.journal.write(self._failure(error, wait_s))
        self.started, self.reservation = 0.0, None

    def _log_resent(self, refusals: Sequence[Resent]) -> None:
        """Writes each of these refusals to the journal: the endpoint refused the form of the request and was sent it
        again in another form. A refusal costs nothing."""
        for one in refusals:
            attempts = [
                Attempt(position, self.attempts, self.started, one.ms, one.kind, one.message, 0.0)
                for position in self._positions
            ]
            self.context.journal.write(JournalEntry(attempts=attempts, retried=int(bool(self.payload.positions))))
            self.attempts += 1
            self.logged += 1

    def _failure(self, error: EndpointError, wait_s: float | None) -> JournalEntry:
        worst = self.worst
        if error.kind in COSTS_NOTHING:
            if worst is not None:
                self.context.wall.settle(worst, _NOTHING)
            worst = None
        elif worst is None:
            worst = self.payload.worst(self.facts)
        self._end_reservation()
        ms = (time.time() - self.started) * 1000
        attempts = [
            Attempt(
                position, self.attempts, self.started, ms, error.kind, str(error), wait_s, worst if i == 0 else None
            )
            for i, position in enumerate(self._positions)
        ]
        self.logged += 1
        retried = int(wait_s is not None and bool(self.payload.positions))
        return JournalEntry(attempts=attempts, settled=self.reservation, retried=retried)

    def fail(self, error: EndpointError) -> None:
        """Ends the call: its cells get the error and the status `refused` if the endpoint refused a parameter,
        `too_long` if the prompt is too long, else `failed`."""
        if self.started:
            self.context.journal.write(self._failure(error, None))
        text, attempts = error_text(error), self.attempts - self.logged
        outcomes = [
            CellOutcome(
                CellResult(position, failed_status(error), error=text, error_kind=error.kind, attempts=attempts)
            )
            for position in self.payload.ends
        ]
        if outcomes:
            self.context.journal.write(JournalEntry(outcomes=lambda: outcomes))

    def end(self, replies: Sequence[Reply]) -> list[P]:
        """Writes the replies of a successful attempt to the journal. Returns payloads with the samples that got no
        reply, to be sent next."""
        completions = [reply.completion_tokens for reply in replies]
        costs = models.cost_shares(self.facts, replies[0].prompt_tokens, completions, replies[0].cached_tokens)
        self._settle(costs)
        rest = self.payload.rest(len(replies), self.attempts - self.logged)
        rows = [reply_row(reply, self._origin(index, cost, len(replies)))
                for index, (reply, cost) in enumerate(zip(replies, costs, strict=True))]  # fmt: skip
        score_all = self.payload.reader(replies, self.attempts - self.logged)

        def outcomes() -> list[CellOutcome]:
            results = score_all() if score_all else []
            return [CellOutcome(result, reply=row) for result, row in zip(results, rows, strict=True)]

        unreported = self._unreported(replies, costs)
        steps = self.payload.steps(replies, rows)
        entry = JournalEntry(outcomes if score_all else None, rows, steps, unreported, self.reservation)
        self.context.journal.write(entry)
        return rest

    def _origin(self, index: int, cost: Cost, batch: int) -> ReplyOrigin:
        payload = self.payload
        key, sample = payload.name(index)
        kind = KIND if isinstance(payload, TextBatch) else self.context.kind
        return ReplyOrigin(
            key, kind, payload.endpoint, payload.model, cost.usd, sample, self.context.run_id, batch,
            payload.honoured,
        )  # fmt: skip

    def _settle(self, costs: Sequence[Cost]) -> None:
        if self.worst is not None and _known(costs):
            usd = None if any(c.usd is None for c in costs) else sum(c.usd or 0.0 for c in costs)
            self.context.wall.settle(self.worst, Cost(usd, sum(c.tokens or 0 for c in costs)))
        self._end_reservation()

    def _unreported(self, replies: Sequence[Reply], costs: Sequence[Cost]) -> list[Attempt]:
        """Returns a list of one attempt with the most that the call may have cost, if the endpoint reported no token
        counts or impossible ones: the run counts that cost as spent. Returns an empty list if the counts are usable, or
        if the model is free and nothing was reserved."""
        if _known(costs) or (self.worst is None and self.facts.free):
            return []
        most = self.worst or self.payload.worst(self.facts)
        ms = (time.time() - self.started) * 1000
        reported = (replies[0].prompt_tokens or 0) + sum(reply.completion_tokens or 0 for reply in replies)
        tokens = None if most.tokens is None else max(0, most.tokens - reported)
        worst, problem = Cost(most.usd, tokens, 0), replies[0].usage_problem
        why = f"{IMPLAUSIBLE.format(problem)} {COUNTED}" if problem else NOT_REPORTED
        return [Attempt(self._positions[0], self.attempts, self.started, ms, UNREPORTED, why, None, worst)]


def failed_status(error: EndpointError) -> str:
    """Returns the status of a cell that failed by this error."""
    return {"refused_parameter": "refused", "too_long": "too_long"}.get(error.kind, "failed")


def error_text(error: EndpointError) -> str:
    """Returns the error's text with the raw text that the endpoint sent."""
    return str(error) + (f"\n\n{error.raw}" if error.raw else "")


def _known(costs: Sequence[Cost]) -> bool:
    return all(cost.tokens is not None for cost in costs)
