"""One look at the next token: the likeliest ones at a place, by one real call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promptgrid.endpoint import Reply, Request
from promptgrid.endpoint.base import TokenChance, TokenStep
from promptgrid.errors import EndpointError, PlanError
from promptgrid.nextword.asking import Asker
from promptgrid.nextword.chances import Chances
from promptgrid.nextword.continuation import Continuation
from promptgrid.prompt import Api

TOP = 1000  # llama.cpp gives as many as are asked for; this many take it 20 ms
TOP_ELSEWHERE = 20  # OpenAI's and vLLM's most
EVERY = 1_000_000  # llama.cpp gives as many as there are

_harmless: dict[str, int] = {}  # endpoint's identity -> the id of a token that is a character by itself


@dataclass(frozen=True, slots=True)
class Look:
    """The next token's chances at a place. `asked` is how many were asked for, `api` how the text was put."""

    place: Continuation
    chances: Chances
    reply: Reply
    api: Api
    asked: int

    @property
    def fewer(self) -> bool:
        """The endpoint gave fewer tokens than it was asked for."""
        return len(self.chances.tokens) < self.asked < EVERY


async def look(asker: Asker, place: Continuation, *, every: bool = False) -> Look:
    """Asks for the next token's chances: 1,000 of llama.cpp (`every`: all of its vocabulary), 20 of others.

    Raises EndpointError where the endpoint tells none, PlanError for a place that it cannot be asked about.
    """
    await asker.endpoint.prepare()
    if not place.text and not place.trail:
        raise PlanError("There is no text yet.", hint="A model continues what is there: type a word.")
    if asker.endpoint.takes_tokens:
        top = EVERY if every else TOP
        reply = await _forced_look(asker, await prompt_ids(asker, place), top)
        return Look(place, Chances(told(reply)), reply, "completion", top)
    replies, api = await asker.ask_with_probabilities(
        place.whole_text(), temperature=1.0, max_tokens=1, logprobs=TOP_ELSEWHERE
    )
    return Look(place, Chances(_with_chosen(replies[0].steps[0])), replies[0], api, TOP_ELSEWHERE)


async def prompt_ids(asker: Asker, place: Continuation) -> tuple[int, ...]:
    """The place as token ids: the text's, then those of its trail as they are, so that nothing is cut anew."""
    cut = await asker.endpoint.tokenize(asker.model, place.text) if place.text else []
    ids = [token.id for token in cut or ()]
    ids += [step.id for step in place.trail if step.id is not None]
    if cut is None or len(ids) != len(cut) + len(place.trail):
        raise PlanError(
            f"{asker.name} does not know the numbers of all tokens that were added.",
            hint="They come from another model: step back to the text.",
        )
    return tuple(ids)


def by_ids(asker: Asker, ids: tuple[int, ...], **fields: Any) -> Request:
    """A plain continuation of these tokens."""
    fields = {"temperature": 0.0, "max_tokens": 1, **fields}
    return Request(asker.model, (), "completion", prompt_ids=ids, **fields)


async def _forced_look(asker: Asker, ids: tuple[int, ...], top: int) -> Reply:
    """A reply of one full stop, whatever the model would say: it tells of no token while a character is unfinished, and
    what it would say may be such a part. The probabilities are those before the forcing."""
    return (await asker.ask(by_ids(asker, ids, logprobs=top, extra_body=await forced(asker))))[0]


async def forced(asker: Asker, token: int | None = None) -> dict[str, Any]:
    """Parameters that make llama.cpp say this token; without one a full stop."""
    if token is None:
        identity = asker.endpoint.identity
        if identity not in _harmless:
            cut = await asker.endpoint.tokenize(asker.model, ".") or []
            _harmless[identity] = cut[-1].id if cut else 0
        token = _harmless[identity]
    return {"logit_bias": [[token, 1000.0]], "samplers": ["temperature"]}


async def full_step(asker: Asker, ids: tuple[int, ...], token: int) -> TokenStep:
    """The token `token` after these, with its own bytes and its probability, however unlikely.

    Asks twice where it is none of the likeliest thousand.
    """
    for top in (TOP, EVERY):
        body = {**await forced(asker), "cache_prompt": True}
        reply = (await asker.endpoint.complete(by_ids(asker, ids, logprobs=top, extra_body=body)))[0]
        likely = told(reply)
        found = next((chance for chance in likely if chance.id == token), None)
        if found is not None:
            return TokenStep(found.data, found.logprob, token, likely)
    return TokenStep(b"", None, token, likely)


def told(reply: Reply) -> tuple[TokenChance, ...]:
    """The likeliest at the reply's first place. Raises EndpointError where there are none."""
    if not reply.steps or not reply.steps[0].likely:
        raise EndpointError("bad_reply", "The endpoint answered without probabilities.", raw=reply.text[:2000])
    return reply.steps[0].likely


def _with_chosen(step: TokenStep) -> tuple[TokenChance, ...]:
    """The likely ones, and the one that was drawn where it is none of them. Where only that is told, it alone."""
    drawn = TokenChance(step.data, step.logprob, step.id) if step.logprob is not None else None
    others = [token for token in step.likely if drawn is None or (token.id, token.data) != (drawn.id, drawn.data)]
    return tuple(sorted([*others, *([drawn] if drawn else [])], key=lambda token: -token.logprob))
