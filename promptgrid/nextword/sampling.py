"""Asking the same thing many times: for one token, to see the counts meet the curve; for a text, to see it vary."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from promptgrid.endpoint import Request
from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.asking import Asker
from promptgrid.nextword.continuation import Continuation
from promptgrid.nextword.looking import by_ids, prompt_ids
from promptgrid.prompt import Api

TEXT_TOKENS = 24


async def sampled(
    asker: Asker, place: Continuation, count: int = 50, *, temperature: float, top_p: float, api: Api
) -> AsyncIterator[list[TokenStep | None]]:
    """`count` real draws of the next token, as they come; None for one of which the endpoint does not tell.

    llama.cpp is asked to apply temperature first and top_p then, as the formula has it, and nothing else; its own
    order is the other one, and it cuts off what is unlikely besides. Others do as they are made.
    """
    request = await _request(asker, place, api, temperature, top_p, max_tokens=1, logprobs=1)
    async for replies in _many(asker, request, count, "look"):
        yield [reply.steps[0] if reply.steps else None for reply in replies]


async def repeated(
    asker: Asker, place: Continuation, count: int = 10, *, temperature: float, top_p: float, api: Api
) -> AsyncIterator[list[str]]:
    """The same prompt sent `count` times: what came, a text of 24 tokens each."""
    request = await _request(asker, place, api, temperature, top_p, max_tokens=TEXT_TOKENS)
    async for replies in _many(asker, request, count, "try"):
        yield [reply.text for reply in replies]


async def _request(
    asker: Asker, place: Continuation, api: Api, temperature: float, top_p: float, **fields: Any
) -> Request:
    await asker.endpoint.prepare()
    if asker.endpoint.takes_tokens:
        ids = await prompt_ids(asker, place)
        extra = {"samplers": ["temperature", "top_p"]}
        return by_ids(asker, ids, temperature=temperature, top_p=top_p, extra_body=extra, **fields)
    sampling = {"temperature": temperature, "top_p": None if top_p == 1 else top_p}
    return asker.request(place.whole_text(), api, **sampling, **fields)


async def _many(asker: Asker, request: Request, count: int, kind: str) -> AsyncIterator[list[Any]]:
    """Replies, as many a call as the endpoint allows, until there are `count`."""
    left = count
    while left:
        replies = await asker.ask(replace(request, n=min(left, asker.endpoint.max_n)), kind)
        left -= min(left, len(replies))
        yield replies
