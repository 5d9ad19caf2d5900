"""Scores the tokens of a given text: the probability of each, from which perplexity is computed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from promptgrid.endpoint.base import Token, TokenStep
from promptgrid.errors import EndpointError, PlanError
from promptgrid.nextword.client import ModelClient
from promptgrid.nextword.generation import RUNNERS_UP
from promptgrid.nextword.prediction import forcing_parameters, full_step, request_for_ids
from promptgrid.prompt import Parameters

MAX_SCORED = 300
"""The maximum number of scored tokens of a text; with one call per token, more would take minutes."""


async def scored_tokens(client: ModelClient, text: str) -> AsyncIterator[tuple[TokenStep, int]]:
    """Yields each of the first 300 tokens of the text as a pair: (the token with its probability after the tokens
    before it, the number of pairs in all).

    The first token has no probability. llama.cpp cannot score a given text: there, one call per token forces the model
    to write the token and reads the probability that it had without force. These calls are not stored, because their
    replies repeat the text. Other endpoints score the text in one call, if they support `echo`. Raises EndpointError if
    the endpoint cannot score a text, PlanError for an empty text.
    """
    await client.endpoint.prepare()
    if not client.endpoint.takes_tokens:
        steps = await _echoed(client, text)
        for step in steps[:MAX_SCORED]:
            yield step, min(len(steps), MAX_SCORED)
        return
    tokens = (await client.endpoint.tokenize(client.model, text) or [])[:MAX_SCORED]
    if not tokens:
        raise PlanError("There is no text yet.", hint="Type the text to measure.")
    yield TokenStep(tokens[0].data, None, tokens[0].id), len(tokens)
    for place in range(1, len(tokens)):
        yield await _forced(client, tokens[:place], tokens[place]), len(tokens)


async def _forced(client: ModelClient, before: list[Token], token: Token) -> TokenStep:
    ids = tuple(other.id for other in before)
    forcing = await forcing_parameters(client, token.id, cache_prompt=True)
    reply = (await client.endpoint.complete(request_for_ids(client, ids, forcing, RUNNERS_UP)))[0]
    step = reply.steps[0] if reply.steps else TokenStep(b"", None)
    if step.logprob is None:
        step = await full_step(client, ids, token.id)
    return TokenStep(token.data, step.logprob, token.id, step.likely[:RUNNERS_UP])


async def _echoed(client: ModelClient, text: str) -> list[TokenStep]:
    """Returns the text's tokens with their probabilities, by one call with `echo`, with which a completion repeats its
    prompt. Raises EndpointError if the endpoint does not support it."""
    parameters = Parameters(temperature=1.0, max_tokens=1, extra_body={"echo": True})
    request = client.request(text, "completion", parameters, logprobs=5)
    why = f"{client.name} cannot score a given text: that takes completions with echo and logprobs."
    hint = "Use the built-in model, llama.cpp or vLLM."
    try:
        steps = (await client.ask(request))[0].steps
    except EndpointError as error:
        if error.kind not in ("bad_request", "refused_parameter", "unknown_model"):
            raise
        raise EndpointError(error.kind, why, hint=hint, raw=error.raw or error.message) from error
    scored: list[TokenStep] = []
    length = 0
    data = text.encode("utf-8", "replace")
    for step in steps:
        if length >= len(data):
            break
        scored.append(step)
        length += len(step.data)
    if b"".join(step.data for step in scored) != data or all(step.logprob is None for step in scored):
        raise EndpointError("refused_parameter", why, hint=hint, param="echo")
    return scored
