"""What an endpoint answers in place of a reply -> EndpointError: one table from status, code and message to kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint.faults import quoted
from promptgrid.endpoint.limits import rate_limits, retry_after
from promptgrid.endpoint.replies import RAW_LIMIT
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError, ErrorKind
from promptgrid.prompt.parameters import NAMES

if TYPE_CHECKING:
    from promptgrid.endpoint.pool import HttpResponse

PARAMETERS = frozenset(NAMES) - {"extra_body"} | {"n", "tools", "max_completion_tokens", "logprobs", "top_logprobs"}
ALIASES: Mapping[str, str] = {"use_beam_search": "beams"}
"""The parameter of promptgrid that a field of a request stands for, where the names differ."""
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
REFUSED_CODES = frozenset({"unsupported_value", "unsupported_parameter", "unknown_parameter"})
STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "invalid_argument": 400,
    "authentication_error": 401,
    "unauthenticated": 401,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "not_found": 404,
    "model_not_found": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "overloaded_error": 503,
    "unavailable": 503,
}
"""By the code or type of an error, in lower case, where it comes without a status."""
UNKNOWN_MODEL = re.compile(
    r"\b(unknown|no such|invalid|not a valid|unable to access) model\b|\bmodel\b.{0,200}\bnot (found|exist)",
    re.IGNORECASE | re.DOTALL,
)
TOO_LONG = re.compile(r"context (length|window|size)|maximum context|prompt is too long|too many tokens", re.I)
QUOTED = re.compile(r"['\"`](\w+)['\"`]|: (\w+)")


@dataclass(frozen=True, slots=True)
class _Answer:
    """The parts of an error response: its status, its error codes, the parameter that it is about ("" if none), and the
    server's `sentence`."""

    status: int
    codes: frozenset[str]
    param: str
    sentence: str


def response_error(
    status: int, body: object, headers: Mapping[str, str], settings: EndpointSettings, model: str
) -> EndpointError:
    """Returns the EndpointError for an error response of the endpoint with these settings. `body` is its parsed JSON
    without the outer {"error": …}, or its text if it is not JSON. `headers` may say how long to wait; `model` is named
    in the message."""
    answer = _parsed(status, body)
    kind = _kind(answer)
    return EndpointError(
        kind,
        f"{settings.name} {SENTENCES[kind](answer, model)}",
        hint=_hint(kind, answer, settings),
        status=status,
        retry_after=retry_after(headers),
        param=answer.param if kind == "refused_parameter" else "",
        raw=_raw(body),
        limits=rate_limits(headers),
    )


def unwrapped(text: str) -> object:
    """Returns the body of an error response as `response_error` takes it: parsed JSON without the outer
    {"error": …}, or the text."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()
    return body.get("error", body) if isinstance(body, dict) else body


def error_inside(body: Mapping[str, Any]) -> object:
    """Returns the error that a response with status 200 reports in its body or in its first choice; None if it reports
    none. A body that is nothing but an error is returned whole."""
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        return choices[0].get("error") or None if isinstance(choices[0], dict) else None
    if body.get("error"):
        return body["error"]
    code = body.get("code")
    is_error = body.get("object") == "error" or "detail" in body
    is_error |= bool(code) and any(isinstance(body.get(name), str) for name in ("message", "msg"))
    return body if is_error else None


def status_inside(error: object) -> int:
    """Returns the HTTP status that fits an error sent with status 200, by its code or else its type; 500 if neither
    tells."""
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {}
    for name in ("code", "status", "type"):
        value = fields.get(name)
        if isinstance(value, str) and value.lower() in STATUSES:
            return STATUSES[value.lower()]
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if type(number) is int and 400 <= number < 600:
            return number
    return 500


def _parsed(status: int, body: object) -> _Answer:
    """Returns the parts of an error body that has no outer {"error": …}. The message may be in `message`, `msg` or
    `detail`, or be the body itself."""
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    message = (
        fields.get("message") or fields.get("msg") or fields.get("detail") or (body if isinstance(body, str) else "")
    )
    sentence = quoted(message if isinstance(message, str) else json.dumps(message, default=str))
    codes = frozenset(str(fields[key]) for key in ("code", "type") if fields.get(key) is not None)
    param = fields.get("param")
    param = param if isinstance(param, str) and param else _parameter_in(sentence)
    return _Answer(status, codes, ALIASES.get(param, param), sentence)


def _parameter_in(sentence: str) -> str:
    """Returns the name of a request parameter that an error message quotes; "" if it quotes none."""
    words = (word for match in QUOTED.finditer(sentence) for word in match.groups())
    return next((word for word in words if word in PARAMETERS or word in ALIASES), "")


def _kind(answer: _Answer) -> ErrorKind:
    """Returns the kind of the first rule in RULES that matches. Rules on error codes come before those on a status,
    which several kinds share."""
    return next(kind for kind, holds in RULES if holds(answer))


RULES: tuple[tuple[ErrorKind, Callable[[_Answer], bool]], ...] = (
    ("quota", lambda a: bool(a.codes & QUOTA_CODES) or a.status == 402),
    ("unknown_model", lambda a: "model_not_found" in a.codes),
    ("too_long", lambda a: bool(a.codes & CONTEXT_CODES) or a.status == 413),
    ("auth", lambda a: a.status in (401, 403) or "invalid_api_key" in a.codes),
    ("rate_limited", lambda a: a.status == 429 or "rate_limit_exceeded" in a.codes),
    ("timeout", lambda a: a.status == 408),
    ("server", lambda a: a.status >= 500),
    ("unknown_model", lambda a: a.status in (400, 404) and bool(UNKNOWN_MODEL.search(a.sentence))),
    ("too_long", lambda a: a.status in (400, 422) and bool(TOO_LONG.search(a.sentence))),
    ("refused_parameter", lambda a: a.status in (400, 422) and _refuses(a)),
    ("bad_request", lambda a: True),
)


def _refuses(a: _Answer) -> bool:
    return bool(a.param) and (a.param in PARAMETERS or bool(a.codes & REFUSED_CODES))


def _sentence(a: _Answer) -> str:
    sentence = a.sentence or f"status {a.status}, no reason given"
    return sentence if sentence.endswith((".", "!", "?", "…", "。")) else f"{sentence}."


SENTENCES: Mapping[ErrorKind, Callable[[_Answer, str], str]] = {
    "auth": lambda a, m: f"does not accept the key ({a.status}): {_sentence(a)}",
    "quota": lambda a, m: f"has no money left for this key: {_sentence(a)}",
    "unknown_model": lambda a, m: f"does not know the model {m!r}: {_sentence(a)}",
    "rate_limited": lambda a, m: f"asks to wait (429): {_sentence(a)}",
    "server": lambda a, m: f"has an error of its own ({a.status}): {_sentence(a)}",
    "timeout": lambda a, m: f"timed out ({a.status}): {_sentence(a)}",
    "refused_parameter": lambda a, m: f"refuses {a.param} for {m!r}: {_sentence(a)}",
    "too_long": lambda a, m: f"says that the prompt does not fit into the context of {m!r}: {_sentence(a)}",
    "bad_request": lambda a, m: f"refused the request ({a.status}): {_sentence(a)}",
}


def _hint(kind: ErrorKind, answer: _Answer, settings: EndpointSettings) -> str:
    if kind == "auth":
        return _key_hint(settings)
    if 300 <= answer.status < 400:
        return f"It redirects to another address, where no key is sent: correct the base URL {settings.base_url}."
    return {
        "quota": "Add credit or raise the limit in the provider's billing settings, then run again.",
        "unknown_model": "Check the model's name, and whether your key may use it.",
        "rate_limited": "Lower the concurrency of this endpoint if this happens often.",
        "server": "It may pass: run again. Nothing on this side is wrong.",
        "refused_parameter": f"Leave {answer.param} out for this model.",
        "too_long": "Shorten the prompt, use fewer examples, or ask for fewer tokens.",
    }.get(kind, "")


def _key_hint(settings: EndpointSettings) -> str:
    if settings.key_env:
        return f"Check the key in {settings.key_env}, and what it is allowed to do."
    if settings.name == "openai":
        return "Set OPENAI_API_KEY in the environment or in .env."
    return f"If {settings.name} needs a key, put it into an environment variable and name that on the page Settings."


def _raw(body: object) -> str:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    return text[:RAW_LIMIT] if body is not None else ""


def check_status(response: HttpResponse, settings: EndpointSettings, model: str) -> None:
    """Raises the EndpointError of the response unless its status is 200 to 299. `model` is named in the message."""
    if not 200 <= response.status < 300:
        raise response_error(response.status, unwrapped(response.text), response.headers, settings, model)
