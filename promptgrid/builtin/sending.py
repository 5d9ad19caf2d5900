"""Requests as the built-in model's server takes them, and how much of the model they occupy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from promptgrid.builtin.adapters import Adapter
from promptgrid.builtin.models import is_tuned
from promptgrid.builtin.process import CONTEXT
from promptgrid.builtin.server_folder import SEATS
from promptgrid.builtin.tool_schema import by_schema
from promptgrid.endpoint.base import Request

SEAT_TOKENS = CONTEXT // SEATS
_TURN = 16  # tokens at most that a chat template adds to a message


def sendable(request: Request, *, repeatable: bool) -> Request:
    """Returns the request with its tools as a JSON schema, and with the server's prompt cache turned off where its
    reply would not repeat with it: where it has to be alone, and at temperature 0 unless the weights are
    `repeatable`."""
    request = by_schema(request)
    cached = repeatable or request.parameters.temperature != 0
    return request if cached and not _alone(request) else _with_extra(request, cache_prompt=False)


def scaled(request: Request, loaded: Sequence[str], tuned: Adapter | None) -> Request:
    """Returns the request with a scale for each of the adapters that the server has `loaded`: 1 for `tuned`, 0 for the
    others. The server would apply those that the list leaves out, as an earlier request had them."""
    if not loaded:
        return request
    own = tuned.adapter_sha256 if tuned else ""
    scales = [{"id": number, "scale": float(sha256 == own)} for number, sha256 in enumerate(loaded)]
    return _with_extra(request, lora=scales)


def seats(request: Request, prompt: int | None = None) -> int:
    """Returns how many seats the request takes: as many as texts are written at a time, as many as it fills of the
    context, which all requests share, and all of them if it has to be alone or has no limit. `prompt` is the number of
    its prompt's tokens; None: as many as it can have at most."""
    parameters = request.parameters
    if parameters.max_tokens is None or _alone(request):
        return SEATS
    if prompt is None:
        # a token has at least one byte
        prompt = sum(_TURN + len(message.text.encode("utf-8", "replace")) for message in request.messages)
    texts = parameters.written if parameters.searches else request.n
    tokens = texts * parameters.max_tokens + (texts if parameters.searches else 1) * (len(request.prompt_ids) or prompt)
    return min(max(texts, -(-tokens // SEAT_TOKENS)), SEATS)


def _alone(request: Request) -> bool:
    """Whether the last digits of the sums decide what is returned, which depend on other requests and on the cache:
    for probabilities, for a text drawn with a seed, and for a tuned model's text at temperature 0, since an adapter's
    products are not the same in another batch."""
    parameters = request.parameters
    if request.logprobs is not None:
        return True
    return is_tuned(request.model) if parameters.temperature == 0 else parameters.seed is not None


def _with_extra(request: Request, **fields: Any) -> Request:
    body = {**fields, **(request.parameters.extra_body or {})}
    return replace(request, parameters=replace(request.parameters, extra_body=body))
