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
    """The chances of the next token after the text at `place`, with the reply that brought them and the protocol of the
    call (`api`). `requested` is the number of likeliest tokens that the endpoint was to list."""

    place: Continuation
    chances: Chances
    reply: Reply
    api: Api
    requested: int

    @property
    def fewer(self) -> bool:
        """Whether the endpoint listed fewer tokens than requested; False if the whole vocabulary was requested."""
        return len(self.chances.tokens) < self.requested < EVERY


async def predict(client: ModelClient, place: Continuation, *, every: bool = False) -> Prediction:
    """Returns the likeliest next tokens after the text at `place`, by one call: 1,000 from llama.cpp (with `every` the
    whole vocabulary), 20 from other endpoints.

    Raises EndpointError if the endpoint returns no probabilities, PlanError if there is no text or the endpoint cannot
    take the added tokens.
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
    """Returns the ids of the text's tokens, then those of the added ones (the trail). Only the text is tokenized
    here: tokens of the trail could merge. Raises PlanError if an id is unknown."""
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
    """Returns a request for the text after the tokens with these ids. If `parameters` do not set them, the temperature
    is 0 and max_tokens 1. `logprobs` is the number of likeliest tokens that the reply shall list (None: none)."""
    whole = parameters.over(Parameters(temperature=0.0, max_tokens=1))
    return Request(client.model, (), "completion", whole, logprobs=logprobs, prompt_ids=ids)


def without_top_p_of_1(parameters: Parameters) -> Parameters:
    """Returns the parameters without a top_p of 1, which has no effect: some models refuse any top_p."""
    return replace(parameters, top_p=None) if parameters.top_p == 1 else parameters


async def _forced_reply(client: ModelClient, ids: tuple[int, ...], top: int) -> Reply:
    """Returns a reply that lists the `top` likeliest next tokens after `ids`. Forces llama.cpp to write a full stop:
    where it writes a token that is only part of a character, it lists nothing. The force does not change the listed
    probabilities."""
    return (await client.ask(request_for_ids(client, ids, await forcing_parameters(client), top)))[0]


async def forcing_parameters(client: ModelClient, token: int | None = None, **extra: Any) -> Parameters:
    """Returns parameters that force llama.cpp to write the token with the id `token`, or for None a full stop. `extra`
    are more fields of the request's body."""
    if token is None:
        identity = client.endpoint.identity
        if identity not in _harmless:
            full_stop = await client.endpoint.tokenize(client.model, ".") or []
            _harmless[identity] = full_stop[-1].id if full_stop else 0
        token = _harmless[identity]
    return Parameters(extra_body={"logit_bias": [[token, 1000.0]], "samplers": ["temperature"], **extra})


async def full_step(client: ModelClient, ids: tuple[int, ...], token: int) -> TokenStep:
    """Returns the token with the id `token` as a TokenStep: its bytes, and its probability after the tokens `ids`. If
    llama.cpp does not list the token, its bytes are empty and its probability is None.

    Makes a second call, for the whole vocabulary, if the token is not among the 1,000 likeliest.
    """
    for top in (TOP, EVERY):
        forcing = await forcing_parameters(client, cache_prompt=True)
        request = request_for_ids(client, ids, forcing, top)
        reply = (await client.endpoint.complete(request))[0]
        likely = likeliest(reply)
        match = next((chance for chance in likely if chance.id == token), None)
        if match is not None:
            return TokenStep(match.data, match.logprob, token, likely)
    return TokenStep(b"", None, token, likely)


def likeliest(reply: Reply) -> tuple[TokenChance, ...]:
    """Returns the likeliest tokens for the first place of the reply. Raises EndpointError if the reply has none."""
    if not reply.steps or not reply.steps[0].likely:
        raise EndpointError("bad_reply", "The endpoint's reply has no probabilities.", raw=reply.text[:2000])
    return reply.steps[0].likely


def _with_drawn(step: TokenStep) -> tuple[TokenChance, ...]:
    """Returns the likeliest tokens of the step, most likely first, and among them the token that the model drew, which
    endpoints may leave out."""
    chance = TokenChance(step.data, step.logprob, step.id) if step.logprob is not None else None
    others = [token for token in step.likely if chance is None or (token.id, token.data) != (chance.id, chance.data)]
    return tuple(sorted([*others, *([chance] if chance else [])], key=lambda token: -token.logprob))
