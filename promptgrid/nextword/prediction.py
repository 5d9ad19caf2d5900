"""Predicts the likeliest next tokens after a text, by one real call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from promptgrid.endpoint import Reply, Request
from promptgrid.endpoint.base import TokenChance, TokenStep
from promptgrid.errors import EndpointError, PlanError
from promptgrid.nextword.chances import Chances
from promptgrid.nextword.client import ModelClient
from promptgrid.nextword.continuation import Continuation
from promptgrid.prompt import Api, Parameters

TOP = 1000  # tokens requested from llama.cpp, which returns 1,000 in 20 ms
TOP_ELSEWHERE = 20  # the maximum of OpenAI and vLLM
SAMPLERS = {"samplers": ["temperature", "top_p"]}  # the only samplers that llama.cpp applies, in order
EVERY = 1_000_000  # more than any vocabulary, so llama.cpp returns all tokens

_harmless: dict[str, int] = {}  # identity of an endpoint -> the token id of a full stop


@dataclass(frozen=True, slots=True)
class Prediction:
    """The chances of the next token at `place`. `requested` is the number of requested tokens."""

    place: Continuation
    chances: Chances
    reply: Reply
    api: Api
    requested: int

    @property
    def fewer(self) -> bool:
        """Whether the endpoint returned fewer tokens than requested."""
        return len(self.chances.tokens) < self.requested < EVERY


async def predict(client: ModelClient, place: Continuation, *, every: bool = False) -> Prediction:
    """Returns the chances of the next token: 1,000 tokens from llama.cpp (with `every` the whole vocabulary), 20 from
    others.

    Raises EndpointError if the endpoint returns no probabilities, PlanError if it cannot process the input.
    """
    await client.endpoint.prepare()
    if not place.text and not place.trail:
        raise PlanError("There is no text yet.", hint="A model continues a text: type a word.")
    if client.endpoint.takes_tokens:
        top = EVERY if every else TOP
        reply = await _forced_reply(client, await prompt_ids(client, place), top)
        return Prediction(place, Chances(likeliest(reply)), reply, "completion", top)
    replies, api = await client.ask_with_probabilities(
        place.whole_text(), Parameters(temperature=1.0, max_tokens=1), TOP_ELSEWHERE
    )
    return Prediction(place, Chances(_with_drawn(replies[0].steps[0])), replies[0], api, TOP_ELSEWHERE)


async def prompt_ids(client: ModelClient, place: Continuation) -> tuple[int, ...]:
    """Returns the token ids of the text, then those of the trail. The trail keeps its ids, because tokenizing it again
    could merge tokens. Raises PlanError if an id is unknown."""
    text_tokens = await client.endpoint.tokenize(client.model, place.text) if place.text else []
    ids = [token.id for token in text_tokens or ()]
    ids += [step.id for step in place.trail if step.id is not None]
    if text_tokens is None or len(ids) != len(text_tokens) + len(place.trail):
        raise PlanError(
            f"{client.name} does not know the ids of all added tokens.",
            hint="They come from another model: step back to the text.",
        )
    return tuple(ids)


def request_for_ids(
    client: ModelClient, ids: tuple[int, ...], parameters: Parameters, logprobs: int | None = None
) -> Request:
    """Returns a request for one token after these tokens, at temperature 0; `parameters` replace these defaults."""
    whole = parameters.over(Parameters(temperature=0.0, max_tokens=1))
    return Request(client.model, (), "completion", whole, logprobs=logprobs, prompt_ids=ids)


def without_top_p_of_1(parameters: Parameters) -> Parameters:
    """Returns the parameters for an endpoint other than llama.cpp, without a top_p of 1: some models refuse top_p even
    if it has no effect."""
    return replace(parameters, top_p=None) if parameters.top_p == 1 else parameters


async def _forced_reply(client: ModelClient, ids: tuple[int, ...], top: int) -> Reply:
    """Returns a reply that is forced to be a full stop, with the probabilities before the forcing. Without forcing, the
    model's own token might be a part of a character, for which llama.cpp reports no token."""
    return (await client.ask(request_for_ids(client, ids, await forcing_parameters(client), top)))[0]


async def forcing_parameters(client: ModelClient, token: int | None = None, **extra: Any) -> Parameters:
    """Returns parameters that force llama.cpp to output this token; None forces a full stop."""
    if token is None:
        identity = client.endpoint.identity
        if identity not in _harmless:
            full_stop = await client.endpoint.tokenize(client.model, ".") or []
            _harmless[identity] = full_stop[-1].id if full_stop else 0
        token = _harmless[identity]
    return Parameters(extra_body={"logit_bias": [[token, 1000.0]], "samplers": ["temperature"], **extra})


async def full_step(client: ModelClient, ids: tuple[int, ...], token: int) -> TokenStep:
    """Returns the token with the id `token` after the tokens `ids`, with its bytes and its probability, even if
    unlikely.

    Makes a second call if the token is not among the 1,000 likeliest.
    """
    for top in (TOP, EVERY):
        forcing = await forcing_parameters(client, cache_prompt=True)
        reply = (await client.endpoint.complete(request_for_ids(client, ids, forcing, top)))[0]
        likely = likeliest(reply)
        match = next((chance for chance in likely if chance.id == token), None)
        if match is not None:
            return TokenStep(match.data, match.logprob, token, likely)
    return TokenStep(b"", None, token, likely)


def likeliest(reply: Reply) -> tuple[TokenChance, ...]:
    """Returns the likeliest tokens at the start of the reply. Raises EndpointError if there are none."""
    if not reply.steps or not reply.steps[0].likely:
        raise EndpointError("bad_reply", "The endpoint's reply has no probabilities.", raw=reply.text[:2000])
    return reply.steps[0].likely


def _with_drawn(step: TokenStep) -> tuple[TokenChance, ...]:
    """Returns the likely tokens, most likely first, including the drawn token even if it is not among them."""
    drawn = TokenChance(step.data, step.logprob, step.id) if step.logprob is not None else None
    others = [token for token in step.likely if drawn is None or (token.id, token.data) != (drawn.id, drawn.data)]
    return tuple(sorted([*others, *([drawn] if drawn else [])], key=lambda token: -token.logprob))
