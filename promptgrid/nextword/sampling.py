"""Sends the same request many times: for one token each, to compare counts with probabilities, or for one text each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from promptgrid.endpoint import Request
from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.client import ModelClient
from promptgrid.nextword.continuation import Continuation
from promptgrid.nextword.prediction import SAMPLERS, prompt_ids, request_for_ids, without_top_p_of_1
from promptgrid.prompt import Api, Parameters

TEXT_TOKENS = 24


async def token_samples(
    client: ModelClient, place: Continuation, count: int = 50, *, temperature: float, top_p: float, api: Api
) -> AsyncIterator[list[TokenStep | None]]:
    """Lets the model draw the next token after `place` `count` times, by calls in the protocol `api`, and yields lists
    of the drawn tokens as they arrive; None stands for a token that the endpoint does not name.

    llama.cpp is told to apply temperature, then top_p and no other sampler, like `reshape`. By default it applies top_p
    before temperature and also drops unlikely tokens. Other endpoints sample in their own way.
    """
    request = await _request(client, place, api, Parameters(temperature, top_p, max_tokens=1), logprobs=1)
    async for replies in _batches(client, request, count, "look"):
        yield [reply.steps[0] if reply.steps else None for reply in replies]


async def text_samples(
    client: ModelClient, place: Continuation, count: int = 10, *, temperature: float, top_p: float, api: Api
) -> AsyncIterator[list[str]]:
    """Lets the model continue the text at `place` `count` times, by calls in the protocol `api`, and yields lists of
    the continuations as they arrive: texts of at most 24 tokens."""
    request = await _request(client, place, api, Parameters(temperature, top_p, max_tokens=TEXT_TOKENS))
    async for replies in _batches(client, request, count, "try"):
        yield [reply.text for reply in replies]


async def _request(
    client: ModelClient, place: Continuation, api: Api, parameters: Parameters, logprobs: int | None = None
) -> Request:
    await client.endpoint.prepare()
    if client.endpoint.takes_tokens:
        ids = await prompt_ids(client, place)
        return request_for_ids(client, ids, replace(parameters, extra_body=SAMPLERS), logprobs)
    return client.request(place.whole_text(), api, without_top_p_of_1(parameters), logprobs=logprobs)


async def _batches(client: ModelClient, request: Request, count: int, kind: str) -> AsyncIterator[list[Any]]:
    """Sends the request until it has brought `count` replies, and yields the replies of each call. Each call asks for
    as many replies as the endpoint allows. The replies are stored under `kind`, "look" or "try"."""
    missing = count
    while missing:
        replies = await client.ask(replace(request, n=min(missing, client.endpoint.max_n)), kind)
        missing -= min(missing, len(replies))
        yield replies
