"""Carries a beam search out on a llama.cpp server: one request to /completion a step, with a prompt for each beam.

The server works on as many beams at a time as it has slots, and reads again only what beams do not share. With
quantised weights its probabilities, and so the beams, depend on how many beams it works on; with 16 or 32 bit weights
and without flash attention they do not.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from promptgrid.endpoint import wire
from promptgrid.endpoint.base import Reply, Request, TokenChance
from promptgrid.endpoint.beams.search import Search, search_settings
from promptgrid.endpoint.logprobs import step
from promptgrid.endpoint.replies import RAW_LIMIT
from promptgrid.errors import EndpointError

Completion = Callable[[dict[str, Any]], Awaitable[str]]
"""Sends a JSON body to /completion and returns the text of the answer."""


def problem(request: Request) -> str:
    """Returns why this request cannot be answered by a beam search, as the end of a sentence; "" if it can."""
    parameters = request.parameters
    if parameters.max_tokens is None:
        return "a search needs a limit: set max tokens"
    if parameters.response_format:
        return "a search cannot keep to a response format: leave one of them out"
    if (parameters.extra_body or {}).get("tools"):
        return "a search cannot call tools: leave one of them out"
    return ""


async def searched(
    request: Request, ids: Sequence[int], full_stop: int, ask: Completion
) -> AsyncGenerator[Search, None]:
    """Yields the state of the search after each step; the last one is done. `ids` are the tokens of the prompt. Raises
    EndpointError.

    The server is forced to write the token `full_stop`, which does not change the listed probabilities: where it writes
    a token that is only part of a character, it lists nothing.
    """
    search = Search(search_settings(request.parameters))
    while not search.done:
        body = {
            **wire.checked_extra(request),
            "model": request.model,
            "prompt": [[*ids, *(token.id for token in path.tokens)] for path in search.running],
            "n_predict": 1,
            "n_probs": 2 * search.settings.width,
            "temperature": 0,
            "logit_bias": [[full_stop, 1000.0]],
            "cache_prompt": True,
        }
        search = search.advanced(_distributions(await ask(body), len(search.running)))
        yield search


def reply(search: Search, prompt_tokens: int, written: int, **common: Any) -> Reply:
    """Returns the reply of a search that is done: its best beam, and all beams. `written` is the number of tokens that
    the model wrote for all beams, also for those that were cut; `common` holds further fields of the reply."""
    beams = search.beams
    return Reply(
        text=beams[0].text,
        finish_reason="stop" if beams[0].ended else "length",
        prompt_tokens=prompt_tokens,
        completion_tokens=written,
        beams=beams,
        **common,
    )


def _distributions(text: str, count: int) -> list[tuple[TokenChance, ...]]:
    """Returns the likeliest next tokens of each of the `count` beams, from the body of an answer. Raises
    EndpointError(bad_reply) unless it has some, with ids, for every beam."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    entries = [entry for entry in (data if isinstance(data, list) else [data]) if isinstance(entry, dict)]
    entries.sort(key=lambda entry: index if type(index := entry.get("index")) is int else 0)
    likely = [_likely(entry) for entry in entries]
    if len(likely) != count or not all(tokens and all(token.id is not None for token in tokens) for tokens in likely):
        raise EndpointError("bad_reply", "The server's answer lacks the probabilities of tokens.", raw=text[:RAW_LIMIT])
    return likely


def _likely(entry: Mapping[str, Any]) -> tuple[TokenChance, ...]:
    steps = entry.get("completion_probabilities")
    first = steps[0] if isinstance(steps, list) and steps else None
    return step(first).likely if isinstance(first, dict) else ()
