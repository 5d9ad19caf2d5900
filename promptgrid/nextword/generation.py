"""Generates text; each token has its probability and its likeliest alternatives."""

from __future__ import annotations

from dataclasses import replace

from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.client import ModelClient
from promptgrid.nextword.continuation import Continuation
from promptgrid.nextword.prediction import (
    SAMPLERS,
    TOP_ELSEWHERE,
    full_step,
    prompt_ids,
    request_for_ids,
    without_top_p_of_1,
)
from promptgrid.prompt import Parameters

RUNNERS_UP = 10


async def generated_tokens(
    client: ModelClient, place: Continuation, count: int = 20, *, temperature: float = 1.0, top_p: float = 1.0
) -> tuple[TokenStep, ...]:
    """Lets the model continue the text at `place`, and returns the next `count` tokens with their probabilities; fewer
    if the model ends the text.

    llama.cpp reports no probability for a token that is only part of a character: each such token needs a further call.
    Raises EndpointError and PlanError.
    """
    await client.endpoint.prepare()
    parameters = Parameters(temperature, top_p, max_tokens=count)
    if not client.endpoint.takes_tokens:
        sendable = without_top_p_of_1(parameters)
        replies, _ = await client.ask_with_probabilities(place.whole_text(), sendable, TOP_ELSEWHERE)
        return tuple(_with_runners_up(step) for step in replies[0].steps)
    ids = await prompt_ids(client, place)
    request = request_for_ids(client, ids, replace(parameters, extra_body=SAMPLERS), RUNNERS_UP)
    reply = (await client.ask(request, "try"))[0]
    steps: list[TokenStep] = []
    for step in reply.steps:
        if step.logprob is None and step.id is not None:
            before = ids + tuple(known.id for known in steps if known.id is not None)
            step = await full_step(client, before, step.id)
        steps.append(_with_runners_up(step))
    return tuple(steps)


def _with_runners_up(step: TokenStep) -> TokenStep:
    return replace(step, likely=step.likely[:RUNNERS_UP])
