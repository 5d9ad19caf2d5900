"""One text continued in three ways (beam search, greedy, samples), each with the probability of the whole."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from promptgrid.endpoint import Reply, Request
from promptgrid.endpoint.base import BeamPath, TokenStep
from promptgrid.errors import EndpointError
from promptgrid.nextword.client import ModelClient
from promptgrid.nextword.continuation import Continuation
from promptgrid.nextword.prediction import SAMPLERS, full_step, prompt_ids, request_for_ids
from promptgrid.prompt import Message, Parameters

SAMPLES = 5

Way = Literal["beam", "greedy", "sample"]


@dataclass(frozen=True, slots=True)
class BeamStep:
    """A beam search after one step: its open beams, the likeliest first, and its ended texts, the best first."""

    running: tuple[BeamPath, ...]
    finished: tuple[BeamPath, ...]


@dataclass(frozen=True, slots=True)
class WholeText:
    """A text that continues another one, and the `way` in which it was found. `logprob` is the natural logarithm of the
    probability of its `tokens` together; None if the endpoint does not report it."""

    way: Way
    text: str
    logprob: float | None
    tokens: int | None


def calls_of_comparison(client: ModelClient) -> int:
    """Returns the number of calls that `compared_texts` makes: a search, a greedy text, and the samples."""
    return 2 + math.ceil(SAMPLES / client.endpoint.max_n)


async def compared_texts(
    client: ModelClient, place: Continuation, search: Parameters
) -> AsyncIterator[BeamStep | WholeText]:
    """Continues the text at `place` by a beam search, then greedily, then by five samples at temperature 1, and yields
    each step of the search and each text. `search` has the beams, max_tokens and the search's other parameters.

    Raises EndpointError, before anything is sent if the endpoint has no beam search.
    """
    await client.endpoint.prepare()
    request = await _request(client, place, search)
    if problem := await client.endpoint.search_problem(request):
        raise EndpointError("refused_parameter", f"No beam search by {client.model_ref}: {problem}.", param="beams")
    async with aclosing(client.endpoint.stream(request)) as deltas:
        async for delta in deltas:
            if delta.running or delta.finished:
                yield BeamStep(delta.running, delta.finished)
            if delta.reply is not None:
                client.store([delta.reply], "try")
                for beam in delta.reply.beams:
                    yield WholeText("beam", beam.text, beam.logprob, beam.tokens)
    greedy = Parameters(temperature=0.0, max_tokens=search.max_tokens)
    async for text in _written(client, place, greedy, "greedy", 1):
        yield text
    async for text in _written(client, place, replace(greedy, temperature=1.0), "sample", SAMPLES):
        yield text


async def _request(client: ModelClient, place: Continuation, parameters: Parameters) -> Request:
    if not client.endpoint.takes_tokens:
        return client.request(place.whole_text(), "completion", parameters, logprobs=1)
    ids = await prompt_ids(client, place)
    if parameters.searches:
        message = Message("user", place.text)
        return Request(client.model, (message,), "completion", parameters, prompt_ids=ids)
    sampled = replace(parameters, extra_body=SAMPLERS)
    return request_for_ids(client, ids, sampled, logprobs=1)


async def _written(
    client: ModelClient, place: Continuation, parameters: Parameters, way: Way, count: int
) -> AsyncIterator[WholeText]:
    """Lets the model continue the text `count` times and yields the texts, by as few calls as the endpoint allows."""
    request = await _request(client, place, parameters)
    while count > 0:
        replies = await client.ask(replace(request, n=min(count, client.endpoint.max_n)), "try")
        count -= len(replies)
        for reply in replies:
            yield await _whole(client, request, reply, way)


async def _whole(client: ModelClient, request: Request, reply: Reply, way: Way) -> WholeText:
    """Returns the reply with the probability of all its tokens. llama.cpp reports none for a token that is only a part
    of a character: each such token is looked up by a further call."""
    known: list[TokenStep] = []
    for step in reply.steps:
        if step.logprob is None and step.id is not None:
            before = (*request.prompt_ids, *(one.id for one in known if one.id is not None))
            step = await full_step(client, before, step.id)
        known.append(step)
    return WholeText(way, reply.text, _sum(known), len(known) or None)


def _sum(steps: Sequence[TokenStep]) -> float | None:
    logprobs = [step.logprob for step in steps if step.logprob is not None]
    return math.fsum(logprobs) if logprobs and len(logprobs) == len(steps) else None
