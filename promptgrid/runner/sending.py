"""One batch over the wire: reserve, send, retry what may pass, read and score the replies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from promptgrid import models
from promptgrid.answers import read_answer
from promptgrid.budget import Cost, Wall
from promptgrid.connections import model_facts
from promptgrid.endpoint import Endpoint, Reply
from promptgrid.errors import EndpointError
from promptgrid.grading import grade
from promptgrid.grid import Cell, Plan
from promptgrid.runner.batches import Batch, Sample
from promptgrid.store.work import CellResult, Outcome
from promptgrid.techniques import answer_marker
from promptgrid.tokens import context_limit

MAX_ATTEMPTS = 6
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_COSTS_NOTHING = frozenset(
    {"auth", "quota", "unknown_model", "rate_limited", "refused_parameter", "too_long", "bad_request"}
)


@dataclass
class Sender:
    """Sends the batches of one run. `stopped` keeps what made an endpoint or a model of it useless until mended."""

    plan: Plan
    wall: Wall
    stopped: dict[tuple[str, str], EndpointError] = field(default_factory=dict)

    @cached_property
    def facts(self) -> dict[str, models.ModelFacts]:
        """What is known about each model of the plan."""
        return {ref: model_facts(ref) for ref in self.plan.models}

    async def send(self, endpoint: Endpoint, batch: Batch) -> list[Outcome]:
        """One outcome a reply, or one for the whole batch when it failed. Raises BudgetReached before it sends."""
        attempts = 0
        while True:
            if error := self._stop_for(batch.cell):
                return [_failure(batch.samples, error, attempts)]
            worst = self._worst(batch)
            self.wall.reserve(worst)
            attempts += 1
            try:
                replies = await endpoint.complete(batch.request)
            except EndpointError as error:
                if error.kind in _COSTS_NOTHING:
                    self.wall.settle(worst, Cost(0.0, 0, 0))
                if error.stops_endpoint:
                    self.stopped[(batch.cell.endpoint, _scope(error, batch.cell))] = error
                if not error.retryable or attempts == MAX_ATTEMPTS:
                    return [_failure(batch.samples, error, attempts)]
                await asyncio.sleep(_wait_s(attempts, error.retry_after))
            else:
                return self._outcomes(batch, replies, attempts, worst)

    def _stop_for(self, cell: Cell) -> EndpointError | None:
        return self.stopped.get((cell.endpoint, "")) or self.stopped.get((cell.endpoint, cell.model))

    def _worst(self, batch: Batch) -> Cost:
        if self.wall.budget is None:
            return Cost(None, None)
        cell, n = batch.cell, len(batch.samples)
        facts = self.facts[cell.model_ref]
        # A token is at least one byte: the bytes are an upper bound whatever the encoding; 16 covers a role's overhead.
        prompt = sum(len(m.text.encode("utf-8", "replace")) + 16 for m in cell.request.messages)
        limit = context_limit(cell.model_ref)
        room = cell.request.max_tokens or facts.max_output or limit
        if room is None:
            return Cost(0.0 if facts.free else None, None)
        return Cost(models.cost_usd(facts, prompt, room * n), prompt + room * n)

    def _outcomes(self, batch: Batch, replies: Sequence[Reply], attempts: int, worst: Cost) -> list[Outcome]:
        facts = self.facts[batch.cell.model_ref]
        # The prompt of a request with n is read, and paid, once.
        costs = [_cost(facts, reply, first=index == 0) for index, reply in enumerate(replies)]
        if all(c.tokens is not None for c in costs):
            usd = None if any(c.usd is None for c in costs) else sum(c.usd or 0.0 for c in costs)
            self.wall.settle(worst, Cost(usd, sum(c.tokens or 0 for c in costs)))
        return [
            self._outcome(sample, reply, attempts, len(batch.samples), cost.usd)
            for sample, reply, cost in zip(batch.samples, replies, costs, strict=False)
        ]

    def _outcome(self, sample: Sample, reply: Reply, attempts: int, n: int, cost: float | None) -> Outcome:
        facts = {
            "key": sample.key,
            "endpoint": sample.first.endpoint,
            "model": sample.first.model,
            "seed": reply.sent.get("seed"),
            "batch": n,
            "cost_usd": cost,
        }
        results = [read_and_score(self.plan, cell, reply.text, attempts) for cell in sample.cells]
        return Outcome(results, reply=reply, facts=facts)


def _cost(facts: models.ModelFacts, reply: Reply, *, first: bool) -> Cost:
    prompt = reply.prompt_tokens if first else 0
    if prompt is None or reply.completion_tokens is None:
        return Cost(0.0 if facts.free else None, None)
    usd = models.cost_usd(facts, prompt, reply.completion_tokens, reply.cached_tokens or 0 if first else 0)
    return Cost(usd, prompt + reply.completion_tokens)


def read_and_score(plan: Plan, cell: Cell, text: str, attempts: int = 0, *, reused: bool = False) -> CellResult:
    """Reads the answer out of a reply's text as the cell's technique asks for, and scores it."""
    rule = cell.prompt.answer
    read = read_answer(rule, text, marker=answer_marker(cell.prompt, cell.technique))
    scores = [
        grade(check, output=text, answer=read.answer, expected=cell.case.expected, rule=rule)
        for check in plan.checks_for(cell.prompt)
    ]
    return CellResult(cell.position, "answered", read, scores, attempts=attempts, reused=reused)


def _scope(error: EndpointError, cell: Cell) -> str:
    """A wrong key or an empty purse stops the whole endpoint, an unknown model only itself."""
    return cell.model if error.kind == "unknown_model" else ""


def _failure(samples: Sequence[Sample], error: EndpointError, attempts: int) -> Outcome:
    status = {"refused_parameter": "refused", "too_long": "too_long"}.get(error.kind, "failed")
    said = str(error) + (f"\n\n{error.raw}" if error.raw else "")
    return Outcome(
        [
            CellResult(cell.position, status, error=said, error_kind=error.kind, attempts=attempts)
            for sample in samples
            for cell in sample.cells
        ]
    )


def _wait_s(attempt: int, retry_after: float | None) -> float:
    """What the endpoint asks for, else doubling from half a second, spread so that workers do not return together."""
    own = min(_FIRST_WAIT_S * 2.0 ** (attempt - 1), _LONGEST_WAIT_S)
    return float((own if retry_after is None else retry_after) * random.uniform(1.0, 1.25))
