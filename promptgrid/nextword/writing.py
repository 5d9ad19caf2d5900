"""Letting the model write on, and seeing for each token how likely it was and what else was likely."""

from __future__ import annotations

from dataclasses import replace

from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.asking import Asker
from promptgrid.nextword.continuation import Continuation
from promptgrid.nextword.looking import TOP_ELSEWHERE, by_ids, full_step, prompt_ids

RUNNERS_UP = 10


async def written(
    asker: Asker, place: Continuation, count: int = 20, *, temperature: float = 1.0, top_p: float = 1.0
) -> tuple[TokenStep, ...]:
    """What the model writes after the place, by one real call: `count` tokens, or fewer where it ends.

    Parts of characters, of which llama.cpp does not tell, are looked up afterwards, each by a call of its own.
    Raises EndpointError and PlanError.
    """
    await asker.endpoint.prepare()
    if not asker.endpoint.takes_tokens:
        sampling = {"temperature": temperature, "top_p": None if top_p == 1 else top_p}
        replies, _ = await asker.ask_with_probabilities(
            place.whole_text(), max_tokens=count, logprobs=TOP_ELSEWHERE, **sampling
        )
        return tuple(_with_runners_up(step) for step in replies[0].steps)
    ids = await prompt_ids(asker, place)
    request = by_ids(asker, ids, temperature=temperature, top_p=top_p, max_tokens=count, logprobs=RUNNERS_UP)
    reply = (await asker.ask(replace(request, extra_body={"samplers": ["temperature", "top_p"]}), "try"))[0]
    steps: list[TokenStep] = []
    for step in reply.steps:
        if step.logprob is None and step.id is not None:
            before = ids + tuple(known.id for known in steps if known.id is not None)
            step = await full_step(asker, before, step.id)
        steps.append(_with_runners_up(step))
    return tuple(steps)


def _with_runners_up(step: TokenStep) -> TokenStep:
    return replace(step, likely=step.likely[:RUNNERS_UP])
