"""llama.cpp's own way to a plain continuation with probabilities: by token ids, where the protocol's loses tokens.

Several tokens often make one character, in Chinese or an emoji. The protocol's form tells only of the last of them,
and of none while the character is unfinished; the server's own `/completion` names every token at least.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptgrid.endpoint import wire
from promptgrid.endpoint.base import Reply, Request, TokenStep
from promptgrid.endpoint.logprobs import step
from promptgrid.endpoint.usage import count
from promptgrid.errors import EndpointError

MAX_SLOTS = 1024
PATH = "/completion"  # at the server's root
FINISHED = {"limit": "length", "eos": "stop", "word": "stop"}


def body(request: Request) -> dict[str, Any]:
    """The JSON body. Raises EndpointError(bad_request) for a request without exactly one text and no token ids."""
    parameters = request.parameters
    asked = {
        "model": request.model,
        "prompt": wire.plain_prompt(request),
        "n_predict": parameters.max_tokens,
        "n_probs": request.logprobs,
        "return_tokens": True,
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "seed": parameters.seed,
        "stop": list(parameters.stop or ()) or None,
        "n": request.n if request.n > 1 else None,
    }
    return {**(parameters.extra_body or {}), **{name: value for name, value in asked.items() if value is not None}}


def slots(properties: Mapping[str, Any]) -> int | None:
    """How many requests the server works on at a time, by its /props; None where it is another server's."""
    total = properties.get("total_slots")
    return total if type(total) is int and 0 < total <= MAX_SLOTS else None


def replies(text: str, n: int, **common: Any) -> list[Reply]:
    """One Reply a choice, at most `n`; `common` are the fields that all share. Raises EndpointError(bad_reply)."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    choices = [choice for choice in (data if isinstance(data, list) else [data]) if isinstance(choice, dict)]
    found = [_reply(choice, common) for choice in choices[:n] if isinstance(choice.get("content"), str)]
    if not found:
        raise EndpointError("bad_reply", "The server's answer to /completion holds no text.", raw=text[:2000])
    return found


def _reply(choice: Mapping[str, Any], common: Mapping[str, Any]) -> Reply:
    return Reply(
        text=choice["content"],
        finish_reason=FINISHED.get(str(choice.get("stop_type")), ""),
        model_returned=str(choice.get("model") or ""),
        prompt_tokens=count(choice.get("tokens_evaluated")),
        completion_tokens=count(choice.get("tokens_predicted")),
        steps=_steps(choice.get("tokens"), choice.get("completion_probabilities")),
        **common,
    )


def _steps(ids: Any, entries: Any) -> tuple[TokenStep, ...]:
    """Every token of the reply; the server reports probabilities of some of them, in the same order.

    It reports the token that completes a character, with the bytes of the whole character. Matching runs from the end:
    if a character contains a token twice, the later one completes it.
    """
    waiting = [step(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not isinstance(ids, list):
        return tuple(waiting)
    steps: list[TokenStep] = []
    for token in reversed(ids):
        match = waiting.pop() if waiting and waiting[-1].id == token else None
        steps.append(_own(match) if match else TokenStep(b"", None, token))
    return tuple(reversed(steps))


def _own(step_: TokenStep) -> TokenStep:
    """The step with the token's own bytes, taken from the likely tokens; it may carry those of a whole character."""
    own = next((other.data for other in step_.likely if other.id == step_.id), None)
    if own is not None:
        return replace(step_, data=own)
    return step_ if step_.data.isascii() else replace(step_, data=b"", logprob=None)
