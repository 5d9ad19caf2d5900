"""Groups samples of one point into one request with `n`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from promptgrid import models
from promptgrid.budget import Cost
from promptgrid.calls.score_reply import read_and_score
from promptgrid.endpoint import Endpoint, Reply, Request
from promptgrid.errors import EndpointError
from promptgrid.grid import Plan, Point
from promptgrid.models import ModelFacts
from promptgrid.prompt.parameters import Parameters
from promptgrid.store.commits import CellResult
from promptgrid.store.database import Row
from promptgrid.store.steps import StepRecord
from promptgrid.tokens import tools_of


@dataclass(frozen=True)  # no slots: `request` is a cached property
class Batch:
    """Samples of one point of the grid, all with the same prompt, case, model and parameters; a single call asks for
    all of them, by the parameter `n`.

    `samples` are their numbers, `positions` the positions of their cells in the run, in the same order. A call that no
    cell shows, such as a judge's, has no `plan` and no positions. `attempts` counts earlier attempts for these samples.
    """

    point: Point
    samples: tuple[int, ...]
    positions: tuple[int, ...] = ()
    plan: Plan | None = None
    attempts: int = 0

    @property
    def endpoint(self) -> str:
        return self.point.endpoint

    @property
    def model(self) -> str:
        return self.point.model

    @property
    def parameters(self) -> Parameters:
        """The parameters of the point's request, which an endpoint may refuse. Their seed is that of the point's first
        sample; `request` has the seed of this batch."""
        return self.point.request.parameters

    @cached_property
    def request(self) -> Request:
        """The request, with the seed of this batch's first sample."""
        return self.point.request_for(self.samples[0], len(self.samples))

    @property
    def tokens(self) -> float:
        """The approximate number of tokens of the call, by which the pace is kept: a third of the prompt's characters,
        plus `max_tokens` for each sample and each of its beams."""
        room = (self.parameters.max_tokens or 0) * len(self.samples) * self.parameters.written
        return sum(len(message.text) for message in self.point.request.messages) / 3 + room

    def worst(self, facts: ModelFacts) -> Cost:
        """Returns the most that the call can cost, in US dollars and tokens, by the model's prices and limits
        (`facts`)."""
        # A token is at least one byte: the bytes are an upper bound whatever the encoding; 16 covers a role's overhead.
        messages = self.point.request.messages
        texts = [text for m in messages for text in (m.text, *(call.name + call.arguments for call in m.tool_calls))]
        prompt = sum(len(text.encode("utf-8", "replace")) + 16 for text in texts)
        if attached := [part for part in (tools_of(self.point.request), self.parameters.response_format) if part]:
            prompt += len(json.dumps(attached, default=dict))
        room = self.parameters.max_tokens or facts.max_output or facts.context
        return models.cost_of(facts, prompt, room and room * len(self.samples) * self.parameters.written)

    async def send(self, endpoint: Endpoint) -> list[Reply]:
        """Sends the request and returns the replies in the order of the samples: at least one, perhaps fewer than there
        are samples. Raises EndpointError."""
        return await endpoint.complete(self.request)

    def name(self, index: int) -> tuple[str, int]:
        """Returns (key, sample number), under which the reply to the sample at `index` of this batch is stored."""
        return self.point.key, self.samples[index]

    @property
    def names(self) -> list[tuple[str, int]]:
        """The names of all samples of this batch (see `name`)."""
        return [(self.point.key, sample) for sample in self.samples]

    @property
    def honoured(self) -> str:
        return self.point.variant.honoured

    def reader(self, replies: Sequence[Reply], attempts: int) -> Callable[[], list[CellResult]] | None:
        """Returns a function that reads the answers out of the replies and scores them for their cells; the caller runs
        it in another thread, since it may be slow. None if no cell shows the replies. `attempts` is recorded in each
        cell."""
        if self.plan is None:
            return None
        plan, point, positions = self.plan, self.point, self.positions
        return lambda: [
            read_and_score(plan, point, position, reply.text, reply.reasoning, attempts, tool_calls=reply.tool_calls)
            for position, reply in zip(positions, replies, strict=False)
        ]

    @property
    def ends(self) -> tuple[int, ...]:
        """The positions of the cells that fail if the call fails."""
        return self.positions

    def steps(self, replies: Sequence[Reply], rows: Sequence[Row]) -> Sequence[StepRecord]:
        """Returns records of these replies, stored as `rows`, as calls of a cell that makes several; empty here, where
        each cell has one call."""
        return ()

    def rest(self, answered: int, attempts: int) -> list[Batch]:
        """Returns the samples that are still to be sent, all but the first `answered`, as a list of one batch; an empty
        list if every sample got a reply. `attempts` is the number of attempts for them so far."""
        if answered >= len(self.samples):
            return []
        samples, positions = self.samples[answered:], self.positions[answered:]
        return [replace(self, samples=samples, positions=positions, attempts=attempts)]

    def parts(self, error: EndpointError) -> list[Batch]:
        """Returns the batches to send in place of this one after `error`: one per sample if the endpoint refused `n`;
        otherwise none, since splitting does not help."""
        if error.kind != "refused_parameter" or error.param != "n" or len(self.samples) == 1:
            return []
        each = range(len(self.samples))
        return [replace(self, samples=self.samples[i : i + 1], positions=self.positions[i : i + 1]) for i in each]


def to_batches(plan: Plan, point: Point, cells: Sequence[tuple[int, int]], max_n: int) -> Iterator[Batch]:
    """Yields the point's cells in batches of at most `max_n`. `cells` are (sample number, position in the run), by
    sample number.

    One request has consecutive seeds, so with a seed, samples that do not follow each other go into separate
    batches. A beam search brings one reply.
    """
    max_n = 1 if point.request.parameters.searches else max_n
    batch: list[tuple[int, int]] = []
    for cell in cells:
        gap = bool(batch) and point.request.parameters.seed is not None and cell[0] != batch[-1][0] + 1
        if batch and (gap or len(batch) >= max_n):
            yield _batch(plan, point, batch)
            batch = []
        batch.append(cell)
    if batch:
        yield _batch(plan, point, batch)


def _batch(plan: Plan, point: Point, cells: Sequence[tuple[int, int]]) -> Batch:
    samples, positions = zip(*cells, strict=True)
    return Batch(point, samples, positions, plan)
