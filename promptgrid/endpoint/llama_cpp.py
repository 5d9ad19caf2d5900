"""Plain continuations with probabilities from llama.cpp's own `/completion`, which reports the id of every token.

A Chinese character or an emoji often takes several tokens. The OpenAI protocol's form reports only the last of them,
and none while the character is unfinished.
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
    """Returns the JSON body of the request for llama.cpp's /completion. Raises EndpointError(bad_request) unless it has
    token ids or exactly one message."""
    parameters = request.parameters
    fields = {
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
    return {**wire.checked_extra(request), **{name: value for name, value in fields.items() if value is not None}}


def slots(properties: Mapping[str, Any]) -> int | None:
    """Returns how many requests the server works on at a time, by its answer to /props; None if that is not
    llama.cpp's."""
    total = properties.get("total_slots")
    return total if type(total) is int and 0 < total <= MAX_SLOTS else None


def takes_tools(properties: Mapping[str, Any]) -> bool:
    """Tells, by llama.cpp's answer to /props, whether the chat template of its model writes tools into the prompt. If
    it does not, the server takes `tools` and ignores them. True for an answer that does not say so."""
    caps = properties.get("chat_template_caps")
    return not (isinstance(caps, Mapping) and caps.get("supports_tools") is False)


def ignored_tools(model: str) -> EndpointError:
    """Returns the error for a request with tools that the server would ignore."""
    message = f"The chat template of {model} takes no tools: the server would ignore them. Nothing was sent."
    hint = "Start llama.cpp with a chat template that has tools, or take another model."
    return EndpointError("refused_parameter", message, hint=hint, param="tools")


def replies(text: str, n: int, **common: Any) -> list[Reply]:
    """Returns a Reply per choice, at most `n`, from `text`, the body of a response of /completion. `common` holds the
    fields that are the same in all replies.

    Raises EndpointError(bad_reply) if no choice has a text.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    choices = [choice for choice in (data if isinstance(data, list) else [data]) if isinstance(choice, dict)]
    usable_replies = [_reply(choice, common) for choice in choices[:n] if isinstance(choice.get("content"), str)]
    if not usable_replies:
        raise EndpointError("bad_reply", "The server's answer to /completion holds no text.", raw=text[:2000])
    return usable_replies


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
    """Returns a step for every token id of a reply; `entries` are the server's probabilities, which only some tokens
    have.

    A character that takes several tokens is reported once, at its last token, with all its bytes. So entries are
    matched to the ids from the end; an id without an entry gets a step without bytes and probability.
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
    """Returns the step with the bytes of its own token. For a token that completes a character of several tokens, the
    server reports the bytes of the whole character.

    The token's own bytes stand in the entry with its id among the likely tokens. Without such an entry, a step with
    bytes beyond ASCII loses its bytes and its probability, since they may be the whole character's.
    """
    own = next((other.data for other in step_.likely if other.id == step_.id), None)
    if own is not None:
        return replace(step_, data=own)
    return step_ if step_.data.isascii() else replace(step_, data=b"", logprob=None)
