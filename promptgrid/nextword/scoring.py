"""How surprised a model is by a given text, token by token: the stuff that perplexity is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator

from promptgrid.endpoint.base import Token, TokenStep
from promptgrid.errors import EndpointError, PlanError
from promptgrid.nextword.asking import Asker
from promptgrid.nextword.looking import by_ids, forced, full_step
from promptgrid.nextword.writing import RUNNERS_UP

MAX_SCORED = 300
"""Tokens of a text that are scored: where each takes a call, more would take minutes."""


async def scored(asker: Asker, text: str) -> AsyncIterator[tuple[TokenStep, int]]:
    """The text's tokens, each with its probability after those before it, and how many there will be.

    The first has none: nothing stands before it. llama.cpp cannot be asked about a text it is given, so each token is
    forced in a call of its own over the kept prefix; what it is told then is the probability before the forcing. These
    calls are not stored: their replies are the text. Others score a text in one call, where they know `echo`.
    Raises EndpointError where the endpoint cannot, and says so.
    """
    await asker.endpoint.prepare()
    if not asker.endpoint.takes_tokens:
        steps = await _echoed(asker, text)
        for step in steps[:MAX_SCORED]:
            yield step, min(len(steps), MAX_SCORED)
        return
    tokens = (await asker.endpoint.tokenize(asker.model, text) or [])[:MAX_SCORED]
    if not tokens:
        raise PlanError("There is no text yet.", hint="Type one whose perplexity is to be measured.")
    yield TokenStep(tokens[0].data, None, tokens[0].id), len(tokens)
    for place in range(1, len(tokens)):
        yield await _forced(asker, tokens[:place], tokens[place]), len(tokens)


async def _forced(asker: Asker, before: list[Token], token: Token) -> TokenStep:
    ids = tuple(other.id for other in before)
    body = {**await forced(asker, token.id), "cache_prompt": True}
    reply = (await asker.endpoint.complete(by_ids(asker, ids, logprobs=RUNNERS_UP, extra_body=body)))[0]
    step = reply.steps[0] if reply.steps else TokenStep(b"", None)
    if step.logprob is None:
        step = await full_step(asker, ids, token.id)
    return TokenStep(token.data, step.logprob, token.id, step.likely[:RUNNERS_UP])


async def _echoed(asker: Asker, text: str) -> list[TokenStep]:
    """By `echo` of legacy completions: the prompt comes back with its probabilities, and one token more."""
    request = asker.request(text, "completion", temperature=1.0, max_tokens=1, logprobs=5, extra_body={"echo": True})
    why = f"{asker.name} cannot say how likely a given text is: only completions with echo and logprobs tell it."
    hint = "Take the built-in model, llama.cpp or vLLM."
    try:
        steps = (await asker.ask(request))[0].steps
    except EndpointError as error:
        if error.kind not in ("bad_request", "refused_parameter", "unknown_model"):
            raise
        raise EndpointError(error.kind, why, hint=hint, raw=error.raw or error.message) from error
    kept: list[TokenStep] = []
    length = 0
    wanted = text.encode("utf-8", "replace")
    for step in steps:
        if length >= len(wanted):
            break
        kept.append(step)
        length += len(step.data)
    if b"".join(step.data for step in kept) != wanted or all(step.logprob is None for step in kept):
        raise EndpointError("refused_parameter", why, hint=hint, param="echo")
    return kept
