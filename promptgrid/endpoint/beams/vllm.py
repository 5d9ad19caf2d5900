"""Asks vLLM for its own beam search: the fields of a request, and the beams in the reply.

vLLM documents `use_beam_search`, `n` as the width, and `length_penalty` among the extra parameters of both protocols.
Its choices are the beams, the best first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptgrid.endpoint.base import Beam, Reply, Request
from promptgrid.endpoint.beams.search import search_settings
from promptgrid.errors import EndpointError
from promptgrid.prompt import Parameters

OWN = "promptgrid"
OWNERS = ("vllm", OWN)
"""What vLLM's list of models says of each of them, as `owned_by`; and that of `promptgrid serve`, whose search has the
same fields."""


def problem(request: Request) -> str:
    """Returns why vLLM cannot answer this request by a beam search, as the end of a sentence; "" if it can."""
    if request.parameters.max_tokens is None:
        return "a search needs a limit: set max tokens"
    return "vLLM's beam search has no early stop: leave it out" if request.parameters.early_stop else ""


def is_vllm(listed: Mapping[str, Any]) -> bool:
    """Whether the answer to /models (`listed`) is that of vLLM, or of `promptgrid serve`."""
    entries = listed.get("data")
    return isinstance(entries, list) and any(isinstance(e, dict) and e.get("owned_by") in OWNERS for e in entries)


def fields(parameters: Parameters) -> dict[str, Any]:
    """Returns the fields by which vLLM is asked for a search. The temperature is 1 whatever its default: it would
    change the probabilities by which texts are ranked."""
    penalty = {} if parameters.length_penalty is None else {"length_penalty": parameters.length_penalty}
    return {"use_beam_search": True, "n": parameters.beams, "temperature": 1.0, **penalty}


def reply(choices: Sequence[Reply], request: Request, name: str) -> Reply:
    """Returns the one reply to a search from its choices: the best beam, with all beams. Raises
    EndpointError(refused_parameter) if there are fewer choices than beams: the endpoint `name` has not searched."""
    width = request.parameters.written
    if len(choices) < width:
        message = f"{name} does not support a beam search: it returned {len(choices)} of {width} beams."
        raise EndpointError("refused_parameter", message, hint="Leave beams out for this model.", param="beams")
    counts = [choice.completion_tokens for choice in choices]
    whole = None if None in counts else sum(count for count in counts if count is not None)
    beams = tuple(_beam(choice, request) for choice in choices)
    return replace(choices[0], completion_tokens=whole, steps=(), beams=beams)


def _beam(choice: Reply, request: Request) -> Beam:
    """Returns the beam that one choice is. Its probability is that of its tokens, if they are reported."""
    logprobs = [step.logprob for step in choice.steps if step.logprob is not None]
    if not logprobs or len(logprobs) < len(choice.steps):
        return Beam(choice.text, ended=choice.finish_reason == "stop")
    total, penalty = math.fsum(logprobs), search_settings(request.parameters).length_penalty
    score = total / float(len(logprobs) ** penalty)
    return Beam(choice.text, total, len(logprobs), score, choice.finish_reason == "stop")
