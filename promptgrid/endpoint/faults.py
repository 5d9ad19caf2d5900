"""What goes wrong out there -> EndpointError: one table from HTTP status, code and message to kind and sentence."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint.limits import rate_limits, retry_after
from promptgrid.endpoint.replies import RAW_LIMIT
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError, ErrorKind

if TYPE_CHECKING:
    import openai

PARAMETERS = frozenset({"temperature", "top_p", "seed", "stop", "n", "max_tokens", "max_completion_tokens", "logprobs"})
PARAMETERS |= {"reasoning_effort", "response_format"}
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
REFUSED_CODES = frozenset({"unsupported_value", "unsupported_parameter", "unknown_parameter"})
UNKNOWN_MODEL = re.compile(
    r"\b(unknown|no such|invalid|not a valid|unable to access) model\b|\bmodel\b.{0,200}\bnot (found|exist)",
    re.IGNORECASE | re.DOTALL,
)
TOO_LONG = re.compile(r"context (length|window|size)|maximum context|prompt is too long|too many tokens", re.I)
QUOTED = re.compile(r"['\"`](\w+)['\"`]|: (\w+)")


@dataclass(frozen=True, slots=True)
class _Answer:
    """An error response, taken apart. `said` is the server's own sentence."""

    status: int
    codes: frozenset[str]
    param: str
    said: str


def from_sdk(error: openai.APIError, settings: EndpointSettings, model: str, partial: str = "") -> EndpointError:
    """The EndpointError for an exception of the openai SDK; `partial` is the text that had come before.

    Keys are cut out of everything that the endpoint says.
    """
    import openai

    if isinstance(error, openai.APITimeoutError):
        return timed_out(settings, partial)
    if isinstance(error, openai.APIConnectionError):
        return broken(error, settings, partial) if partial else unreachable(error, settings)
    if isinstance(error, openai.APIStatusError):
        return told(error.status_code, error.body, error.response.headers, settings, model)
    return _inside_stream(error, settings, model, partial)


def timed_out(settings: EndpointSettings, partial: str = "") -> EndpointError:
    """No answer in time."""
    return EndpointError(
        "timeout",
        f"{settings.name} did not answer within {settings.timeout_s:g} s.",
        hint="Ask for fewer tokens or lower the concurrency, or raise timeout_s in endpoints.toml.",
        raw=partial[:RAW_LIMIT],
    )


def missing_key(settings: EndpointSettings) -> EndpointError:
    """The named environment variable is not set, so that nothing was sent."""
    return EndpointError(
        "auth",
        f"There is no key for {settings.name}: {settings.key_env} is not set.",
        hint=f"Set {settings.key_env} in the environment, or in a .env file in the folder you start from.",
    )


def unsendable_key(settings: EndpointSettings) -> EndpointError:
    """The key holds what no header can carry (often a pasted quote, blank or dash)."""
    return EndpointError(
        "auth",
        f"The key in {settings.key_env or 'the settings'} holds a blank or a character outside of ASCII.",
        hint="Copy it again, without quotes and line breaks.",
    )


def unsendable_header(name: str) -> EndpointError:
    """A header of the settings holds what no request can carry (often a line break, or a pasted quote)."""
    return EndpointError(
        "auth",
        f"The header {one_line(name, 100)} holds a line break or a character outside of ASCII.",
        hint="Correct it, or the variable that it is read from, in endpoints.toml.",
    )


def unsendable_body(error: Exception) -> EndpointError:
    """The parameters hold what JSON has no word for."""
    return EndpointError(
        "bad_request",
        f"The request cannot be written as JSON: {one_line(str(error))}.",
        hint="Look for NaN, an infinite number or an object in extra_body and response_format.",
    )


def unsendable_text(error: UnicodeEncodeError) -> EndpointError:
    """The prompt holds half a character (a lone surrogate), which no request can carry."""
    return EndpointError(
        "bad_request",
        f"The prompt holds {error.object[error.start : error.end]!r}, which UTF-8 cannot carry.",
        hint="Remove that character: it usually comes from a text that was cut in two.",
    )


def name_served(error: EndpointError, model: str, served: Sequence[str]) -> None:
    """Puts the models that are served into the hint of an unknown_model error."""
    if not served:
        return
    near = difflib.get_close_matches(model, served, n=1, cutoff=0.5)
    shown = ", ".join(one_line(name, 100) for name in served[:10]) + (", …" if len(served) > 10 else "")
    error.hint = (f"Did you mean {one_line(near[0], 100)}? " if near else "") + f"Served are {shown}."


def redacted(text: str, settings: EndpointSettings) -> str:
    """`text` without keys: some servers quote the key that they refuse."""
    for secret in settings.secrets:
        text = text.replace(secret, "[key]")
    return text


def told(
    status: int, body: object, headers: Mapping[str, str], settings: EndpointSettings, model: str
) -> EndpointError:
    """The EndpointError for an HTTP error; `body` is parsed JSON where it was JSON, without the outer {"error": …}."""
    answer = _taken_apart(status, body, settings)
    kind = _kind(answer)
    return EndpointError(
        kind,
        f"{settings.name} {SENTENCES[kind](answer, model)}",
        hint=_hint(kind, answer, settings),
        status=status,
        retry_after=retry_after(headers),
        param=answer.param if kind == "refused_parameter" else "",
        raw=_raw(body, settings),
        limits=rate_limits(headers),
    )


def unwrapped(text: str) -> object:
    """An error response's body as `told` takes it: parsed where it is JSON, without the outer {"error": …}."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()
    return body.get("error", body) if isinstance(body, dict) else body


def _inside_stream(error: openai.APIError, settings: EndpointSettings, model: str, partial: str) -> EndpointError:
    """An error that the endpoint sent as an event, after status 200."""
    answer = _taken_apart(500, error.body, settings)
    kind = _kind(answer)
    return EndpointError(
        kind,
        f"{settings.name} broke off the stream: {_said(answer)}",
        hint=_hint(kind, answer, settings),
        raw=(partial or _raw(error.body, settings))[:RAW_LIMIT],
    )


def _taken_apart(status: int, body: object, settings: EndpointSettings) -> _Answer:
    """The SDK has unwrapped {"error": …} already; FastAPI servers say `detail`, some only a plain text."""
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    message = fields.get("message") or fields.get("detail") or (body if isinstance(body, str) else "")
    said = one_line(redacted(message if isinstance(message, str) else json.dumps(message, default=str), settings))
    codes = frozenset(str(fields[key]) for key in ("code", "type") if fields.get(key) is not None)
    param = fields.get("param")
    return _Answer(status, codes, param if isinstance(param, str) and param else _named(said), said)


def _named(said: str) -> str:
    """The parameter that an error message quotes, where the server has no field for it."""
    words = (word for found in QUOTED.finditer(said) for word in found.groups())
    return next((word for word in words if word in PARAMETERS), "")


def one_line(text: str, limit: int = 300) -> str:
    """Foreign text fit for a sentence: no control characters (a terminal would obey them), no line breaks, cut."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if text.lower().startswith(("<!doctype", "<html")):
        return "a web page"
    return text if len(text) <= limit else text[:limit] + "…"


def _kind(answer: _Answer) -> ErrorKind:
    """The first rule that holds; codes go before statuses, since statuses are shared."""
    return next(kind for kind, holds in RULES if holds(answer))


RULES: tuple[tuple[ErrorKind, Callable[[_Answer], bool]], ...] = (
    ("quota", lambda a: bool(a.codes & QUOTA_CODES) or a.status == 402),
    ("unknown_model", lambda a: "model_not_found" in a.codes),
    ("too_long", lambda a: bool(a.codes & CONTEXT_CODES) or a.status == 413),
    ("auth", lambda a: a.status in (401, 403) or "invalid_api_key" in a.codes),
    ("rate_limited", lambda a: a.status == 429 or "rate_limit_exceeded" in a.codes),
    ("timeout", lambda a: a.status == 408),
    ("server", lambda a: a.status >= 500),
    ("unknown_model", lambda a: a.status in (400, 404) and bool(UNKNOWN_MODEL.search(a.said))),
    ("too_long", lambda a: a.status in (400, 422) and bool(TOO_LONG.search(a.said))),
    ("refused_parameter", lambda a: a.status in (400, 422) and _refuses(a)),
    ("bad_request", lambda a: True),
)


def _refuses(a: _Answer) -> bool:
    return bool(a.param) and (a.param in PARAMETERS or bool(a.codes & REFUSED_CODES))


def _said(a: _Answer) -> str:
    said = a.said or f"status {a.status}, no reason given"
    return said if said.endswith((".", "!", "?", "…", "。")) else f"{said}."


SENTENCES: Mapping[ErrorKind, Callable[[_Answer, str], str]] = {
    "auth": lambda a, m: f"does not accept the key ({a.status}): {_said(a)}",
    "quota": lambda a, m: f"has no money left for this key: {_said(a)}",
    "unknown_model": lambda a, m: f"does not know the model {m!r}: {_said(a)}",
    "rate_limited": lambda a, m: f"asks to wait (429): {_said(a)}",
    "server": lambda a, m: f"has an error of its own ({a.status}): {_said(a)}",
    "timeout": lambda a, m: f"timed out ({a.status}): {_said(a)}",
    "refused_parameter": lambda a, m: f"refuses {a.param} for {m!r}: {_said(a)}",
    "too_long": lambda a, m: f"says that the prompt does not fit into the context of {m!r}: {_said(a)}",
    "bad_request": lambda a, m: f"refused the request ({a.status}): {_said(a)}",
}


def _hint(kind: ErrorKind, answer: _Answer, settings: EndpointSettings) -> str:
    if kind == "auth":
        return _key_hint(settings)
    if kind == "bad_request" and answer.status in (404, 405):
        return f"Check the base URL {settings.base_url}: it usually ends in /v1."
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
    return f"Name the environment variable of its key: key_env under [{settings.name}] in endpoints.toml."


def unreachable(error: Exception, settings: EndpointSettings) -> EndpointError:
    """No answer had begun; `error` is the transport's, the reason lies in it or in what caused it."""
    message = f"{settings.name} cannot be reached at {settings.base_url}: {_reason(error, settings)}."
    return EndpointError("connection", message, hint=_connection_hint(_causes(error), settings))


def broken(error: Exception, settings: EndpointSettings, partial: str = "") -> EndpointError:
    """The answer had begun; `partial` is what had come of its text."""
    message = f"{settings.name} broke the connection in the middle of the reply: {_reason(error, settings)}."
    hint = _connection_hint(_causes(error), settings)
    return EndpointError("connection", message, hint=hint, raw=redacted(partial, settings)[:RAW_LIMIT])


def _reason(error: Exception, settings: EndpointSettings) -> str:
    """The innermost message."""
    said = next((text for text in reversed(_causes(error)) if text), "the connection broke")
    return one_line(redacted(said, settings)).rstrip(".")


def _causes(error: BaseException | None) -> list[str]:
    """The messages of the error and of what lies below it, the innermost last."""
    found: list[str] = []
    while error is not None:
        found.append(str(error).strip())
        error = error.__cause__ or error.__context__
    return found


def _connection_hint(causes: Sequence[str], settings: EndpointSettings) -> str:
    if any("CERTIFICATE" in cause.upper() for cause in causes):
        return "If your company inspects traffic, set SSL_CERT_FILE to its certificate."
    if settings.is_loopback:
        return "Is the server running, and on this port? Start it, or correct the base URL."
    return "Check the base URL, the network, and HTTPS_PROXY if you need a proxy."


def _raw(body: object, settings: EndpointSettings) -> str:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    return redacted(text, settings)[:RAW_LIMIT] if body is not None else ""
