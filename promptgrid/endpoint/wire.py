"""A Request in the words of the OpenAI protocol: the usual ones, of which a cell's key is made, and others that a model
wants in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from promptgrid.endpoint import faults
from promptgrid.endpoint.base import Request
from promptgrid.endpoint.beams import vllm
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError
from promptgrid.prompt.parameters import RETRIEVAL_PARAMETERS, TOOL_PARAMETERS
from promptgrid.prompt.tools.protocol import choice_field, definitions, message_field

_OTHER = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_STREAM_ONLY = re.compile(
    r"\b(only|must|requires?|needs?|please)\b.{0,80}\bstream(ing|ed)?\b|\bstream\b.{0,20}\bmust be\b"
    r"|\bnon-?stream(ing|ed)?\b.{0,60}\b(not|un)\s?(supported|allowed)|\bnot\b.{0,20}\bsupport.{0,20}\bnon-?stream"
    r"|\bfor non-streaming calls\b",
    re.IGNORECASE | re.DOTALL,
)
OWN_FIELDS = frozenset({"model", "messages", "prompt", "stream", "streamoptions"})
# What lengthens or multiplies replies past the preflight and the budget, in small letters without underscores
_LENGTHS = frozenset(
    {"maxtokens", "maxcompletiontokens", "maxoutputtokens", "maxnewtokens", "maxtokenstosample", "maxgeneratedtokens"}
    | {"maxgenlen", "maxlength", "maxdecodetokens", "numpredict", "npredict"}
)
_COUNTS = frozenset(
    {"n", "bestof", "ncmpl", "numreturnsequences", "candidatecount", "numcompletions", "numgenerations", "numsamples"}
    | {"numbeams", "beamwidth", "usebeamsearch"}
)
_NESTED = frozenset({"options", "parameters", "generationconfig", "samplingparams", "extrabody"})

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def body(request: Request, token_parameter: str) -> dict[str, Any]:
    """Returns the JSON body of a chat completion or, for api="completion", of a legacy completion. `token_parameter` is
    the name under which `max_tokens` is sent.

    Fields in `extra_body` are added, but never replace what the request itself says. Raises EndpointError(bad_request)
    for a request that cannot be expressed.
    """
    extra = checked_extra(request)
    return {**extra, **_content(request), **_parameters(request, token_parameter)}


@dataclass(slots=True)
class Bodies:
    """Makes the bodies of the requests to one endpoint. A chat request that differs from the last one only in its
    messages, as in a grid, takes over the rest of its body."""

    _last: tuple[Request, str, dict[str, Any]] | None = None  # one value, so that threads never see half of a change

    def body(self, request: Request, token_parameter: str) -> dict[str, Any]:
        """Returns `body(request, token_parameter)`. Raises as it does."""
        last = self._last
        if last is None or last[1] != token_parameter or not _alike(last[0], request):
            self._last = last = request, token_parameter, body(request, token_parameter)
            return {**last[2]}
        return {**last[2], "messages": _messages(request)}


def _alike(one: Request, other: Request) -> bool:
    """Whether two chat requests differ at most in their messages. Equal parameters that are not one object count as
    different: to compare them would take longer than to write them."""
    return (
        one.api == other.api == "chat"
        and one.parameters is other.parameters
        and (one.model, one.n, one.logprobs) == (other.model, other.n, other.logprobs)
        and one.tools is other.tools
    )


def checked_extra(request: Request) -> Mapping[str, Any]:
    """Returns `extra_body`. Raises EndpointError(bad_request) for a field that the request states itself, or one that
    lengthens or multiplies replies: preflight and budget count `max_tokens` and `n` only."""
    extra = request.parameters.extra_body or {}
    hints = {
        OWN_FIELDS: "Take it out: the grid decides about these.",
        _LENGTHS: "Set max tokens instead, which preflight and budget count.",
        _COUNTS: "Set the number of samples instead, which preflight and budget count.",
    }
    for fields, hint in hints.items():
        if own_fields := [name for name in _names(extra) if _letters(name) in fields]:
            raise EndpointError("bad_request", f"extra_body may not set {', '.join(own_fields)}.", hint=hint)
    return extra


def _names(extra: Mapping[str, Any]) -> Iterator[str]:
    """Yields the names of the fields of `extra`. If a field is an object in which some servers expect parameters, such
    as `options`, yields the names of its fields too, as `options.NAME`."""
    for name, value in extra.items():
        yield name
        if isinstance(value, Mapping) and _letters(name) in _NESTED:
            yield from (f"{name}.{inner}" for inner in _names(value))


def _letters(name: str) -> str:
    """Returns the last part of a dotted name in lower case, without _ and -, so that all spellings of a name are
    equal."""
    return name.rpartition(".")[2].lower().replace("_", "").replace("-", "")


def streamed(plain: dict[str, Any]) -> dict[str, Any]:
    """Returns the body, with fields added that ask for a stream with the token usage at its end."""
    return {**plain, "stream": True, "stream_options": {"include_usage": True}}


def _content(request: Request) -> dict[str, Any]:
    if request.api == "chat":
        offered = {"tools": definitions(request.tools)} if request.tools else {}
        return {"model": request.model, "messages": _messages(request), **offered}
    return {"model": request.model, "prompt": plain_prompt(request)}


def _messages(request: Request) -> list[dict[str, Any]]:
    return [
        message_field(message)
        if message.tool_calls or message.role == "tool"
        else {"role": message.role, "content": message.text}
        for message in request.messages
    ]


def plain_prompt(request: Request) -> str | list[int]:
    """Returns the prompt of a plain continuation: its token ids if it has any, else its only text. Raises
    EndpointError(bad_request) for several messages."""
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
    """Returns the request's parameters as fields of the body. Parameters that are not set are left out, since null has
    another meaning for some servers."""
    names = {"max_tokens": token_parameter}
    given = request.parameters.as_json().items()
    fields = {names.get(name, name): value for name, value in given if name not in RETRIEVAL_PARAMETERS}
    if not request.tools and not (request.parameters.extra_body or {}).get("tools"):
        fields = {name: value for name, value in fields.items() if name not in TOOL_PARAMETERS}
    if "tool_choice" in fields:
        fields["tool_choice"] = choice_field(fields["tool_choice"])
    if "parallel_tool_calls" in fields:
        fields["parallel_tool_calls"] = fields["parallel_tool_calls"] == "yes"
    fields |= {"n": request.n if request.n > 1 else None, **_probabilities(request)}
    if request.parameters.searches:  # by vLLM's names, with the probability of each token
        fields |= {"beams": None, **vllm.fields(request.parameters), **_probabilities(replace(request, logprobs=1))}
    return {name: value for name, value in fields.items() if value not in (None, []) and name != "extra_body"}


def _probabilities(request: Request) -> dict[str, Any]:
    if request.api == "chat" and request.logprobs is not None:
        return {"logprobs": True, "top_logprobs": request.logprobs}
    return {"logprobs": request.logprobs}


@dataclass(slots=True)
class Wording:
    """Remembers in which form a model accepts a request, where that is not the usual one: with another name of
    max_tokens, or with the reply as a stream.

    A cell's key is made of the usual body, so that what is remembered changes no key.
    """

    _token_names: dict[str, str] = field(default_factory=dict)
    _stream_only: set[str] = field(default_factory=set)

    def body(self, usual: Mapping[str, Any], model: str, *, stream: bool = False) -> dict[str, Any]:
        """Returns the usual body in the form that this model accepts; with `stream`, it asks for a stream in
        any case."""
        name = self._token_names.get(model)
        body = {name if name and key in _OTHER else key: value for key, value in usual.items()}
        return streamed(body) if stream or model in self._stream_only else body

    def learn(self, error: EndpointError, model: str, sent: Mapping[str, Any]) -> bool:
        """Tells whether the refused request `sent` can be sent again in another form that the error asks for, and
        remembers that form for the model. True at most once for each form."""
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
    """Returns the body as bytes of JSON. Raises EndpointError(bad_request) for a value that JSON or UTF-8 cannot
    express."""
    try:
        return _json(sent).encode()
    except UnicodeEncodeError as error:
        raise faults.unsendable_text(error) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise faults.unsendable_body(error) from None


def token_parameter(settings: EndpointSettings, request: Request) -> str:
    """Returns the name under which `max_tokens` is sent: by the settings, else by the request, else by the endpoint."""
    if request.api == "completion":
        return "max_tokens"  # legacy completions know no other
    usual = "max_completion_tokens" if settings.is_openai else "max_tokens"
    return settings.token_parameter or request.token_parameter or usual
