"""A Request in the words of the OpenAI protocol: the usual ones, of which a cell's key is made, and others that a model
wants in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptgrid.endpoint import faults
from promptgrid.endpoint.base import Request
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError

_OTHER = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_STREAM_ONLY = re.compile(
    r"\b(only|must|requires?|needs?|please)\b.{0,80}\bstream(ing|ed)?\b|\bstream\b.{0,20}\bmust be\b"
    r"|\bnon-?stream(ing|ed)?\b.{0,60}\b(not|un)\s?(supported|allowed)|\bnot\b.{0,20}\bsupport.{0,20}\bnon-?stream"
    r"|\bfor non-streaming calls\b",
    re.IGNORECASE | re.DOTALL,
)
OWN_FIELDS = ("model", "messages", "prompt", "n", "stream", "stream_options")

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


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


@dataclass(slots=True)
class Wording:
    """Per model: the name of max_tokens that it wants, and whether it replies in a stream only.

    A cell's key is made of the usual words, so that learning changes no key.
    """

    _token_names: dict[str, str] = field(default_factory=dict)
    _stream_only: set[str] = field(default_factory=set)

    def body(self, usual: Mapping[str, Any], model: str, *, stream: bool = False) -> dict[str, Any]:
        """The request's body as the model takes it."""
        name = self._token_names.get(model)
        body = {name if name and key in _OTHER else key: value for key, value in usual.items()}
        return streamed(body) if stream or model in self._stream_only else body

    def learn(self, error: EndpointError, model: str, sent: Mapping[str, Any]) -> bool:
        """Whether the refused request is to be sent again in the words that the error asks for; once for each."""
        if error.kind not in ("bad_request", "refused_parameter"):
            return False
        other = _OTHER.get(error.param, "")
        if other and other in error.message and error.param in sent and self._token_names.get(model) != error.param:
            self._token_names[model] = other
            return True
        if "stream" not in sent and _STREAM_ONLY.search(f"{error.message} {error.raw}"):
            self._stream_only.add(model)
            return True
        return False


def encoded(sent: Mapping[str, Any]) -> bytes:
    """The body of the request. Raises EndpointError(bad_request)."""
    try:
        return _json(sent).encode()
    except UnicodeEncodeError as error:
        raise faults.unsendable_text(error) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise faults.unsendable_body(error) from None


def token_parameter(settings: EndpointSettings, request: Request) -> str:
    """The name under which `max_tokens` goes."""
    if request.api == "completion":
        return "max_tokens"  # legacy completions know no other
    usual = "max_completion_tokens" if settings.is_openai else "max_tokens"
    return settings.token_parameter or request.token_parameter or usual
