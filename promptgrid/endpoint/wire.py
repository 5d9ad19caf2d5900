"""A Request in the words of the OpenAI protocol. Pure: a cell's key is made of this."""

from __future__ import annotations

from typing import Any

from promptgrid.endpoint.base import Request
from promptgrid.errors import EndpointError

OWN_FIELDS = ("model", "messages", "prompt", "n", "stream", "stream_options")


def body(request: Request, token_parameter: str) -> dict[str, Any]:
    """The JSON body of a chat completion, or of a legacy completion for api="completion".

    `extra_body` adds to it and never replaces what the request says itself. Raises EndpointError(bad_request) for a
    request that cannot be written down.
    """
    extra = request.parameters.extra_body or {}
    taken = [name for name in extra if name in OWN_FIELDS]
    if taken:
        raise EndpointError(
            "bad_request",
            f"extra_body may not set {', '.join(taken)}.",
            hint="Take it out: the grid decides about these.",
        )
    return {**extra, **_content(request), **_parameters(request, token_parameter)}


def streamed(plain: dict[str, Any]) -> dict[str, Any]:
    """The same body, asking for the reply in pieces, with the usage at the end."""
    return {**plain, "stream": True, "stream_options": {"include_usage": True}}


def _content(request: Request) -> dict[str, Any]:
    if request.api == "chat":
        messages = [{"role": message.role, "content": message.text} for message in request.messages]
        return {"model": request.model, "messages": messages}
    return {"model": request.model, "prompt": plain_prompt(request)}


def plain_prompt(request: Request) -> str | list[int]:
    """A plain continuation's prompt: token ids, else a text. Raises EndpointError(bad_request)."""
    if request.prompt_ids:
        return list(request.prompt_ids)
    if len(request.messages) != 1:
        raise EndpointError(
            "bad_request",
            f"A plain continuation takes one text, not {len(request.messages)} messages.",
            hint="Use zero-shot, or a chat model.",
        )
    return request.messages[0].text


def _parameters(request: Request, token_parameter: str) -> dict[str, Any]:
    """Only the parameters that are set: null has another meaning for some servers."""
    names = {"max_tokens": token_parameter}
    asked = {names.get(name, name): value for name, value in request.parameters.as_json().items()}
    asked |= {"n": request.n if request.n > 1 else None, **_probabilities(request)}
    return {name: value for name, value in asked.items() if value not in (None, []) and name != "extra_body"}


def _probabilities(request: Request) -> dict[str, Any]:
    if request.api == "chat" and request.logprobs is not None:
        return {"logprobs": True, "top_logprobs": request.logprobs}
    return {"logprobs": request.logprobs}
