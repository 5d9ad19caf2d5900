"""Builds the EndpointErrors of requests that got no whole answer, and prepares an endpoint's text for quoting."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from socket import gaierror

from promptgrid.endpoint.redaction import redacted
from promptgrid.endpoint.replies import QUOTE_LIMIT
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError
from promptgrid.suggestions import did_you_mean, listed
from promptgrid.text import one_line

_WORDS: Mapping[int, str] = {
    errno.ECONNREFUSED: "no server answers there",
    errno.ECONNRESET: "the connection was broken off",
    errno.ENETUNREACH: "there is no network",
    errno.EHOSTUNREACH: "no computer answers at this address",
}
_NUMBER = re.compile(r"\[Errno (\d+)\]")
_OF_SSL = re.compile(r"^\[SSL[^]]*\] | \(_ssl\.c:\d+\)")


def timed_out(settings: EndpointSettings) -> EndpointError:
    """Returns the error for a call without an answer within the settings' `timeout_s`."""
    return EndpointError(
        "timeout",
        f"{settings.name} did not answer within {settings.timeout_s:g} s.",
        hint="Ask for fewer tokens or lower the concurrency, or raise timeout_s in endpoints.toml.",
    )


def no_connection(settings: EndpointSettings) -> EndpointError:
    """Returns the error for a connection that is neither accepted nor refused within `connect_s`: a firewall, or a
    wrong address."""
    return EndpointError(
        "timeout",
        f"{settings.name} did not take the call at {settings.base_url} within {settings.connect_s:g} s.",
        hint=_connection_hint((), settings),
    )


def missing_key(settings: EndpointSettings) -> EndpointError:
    """Returns the error for an endpoint whose key's environment variable is not set."""
    return EndpointError(
        "auth",
        f"There is no key for {settings.name}: {settings.key_env} is not set.",
        hint=f"Set {settings.key_env} in the environment, or in a .env file in the folder you start from.",
    )


def unsendable_key(settings: EndpointSettings) -> EndpointError:
    """Returns the error for a key with a character that no header can carry (often a pasted quote, blank or dash)."""
    return EndpointError(
        "auth",
        f"The key in {settings.key_env or 'the settings'} holds a blank or a character outside of ASCII.",
        hint="Copy it again, without quotes and line breaks.",
    )


def unsendable_header(name: str) -> EndpointError:
    """Returns the error for the header `name` of the settings, whose value has a character that no header can carry
    (often a line break, or a pasted quote)."""
    return EndpointError(
        "auth",
        f"The header {one_line(name, 100)} holds a line break or a character outside of ASCII.",
        hint="Correct it, or the variable that it is read from, in endpoints.toml.",
    )


def unsendable_body(error: Exception) -> EndpointError:
    """Returns the error for parameters with a value that JSON cannot express, such as NaN."""
    return EndpointError(
        "bad_request",
        f"The request cannot be written as JSON: {quoted(str(error))}.",
        hint="Look for NaN, an infinite number or an object in extra_body and response_format.",
    )


def unsendable_text(error: UnicodeEncodeError) -> EndpointError:
    """Returns the error for a prompt with half a character (a lone surrogate), which UTF-8 cannot encode."""
    return EndpointError(
        "bad_request",
        f"The prompt holds {error.object[error.start : error.end]!r}, which UTF-8 cannot carry.",
        hint="Remove that character: it usually comes from a text that was cut in two.",
    )


def name_served(error: EndpointError, model: str, served: Sequence[str]) -> None:
    """Adds the names of the served models to the hint of an unknown_model error, and the one that `model` may mean."""
    if not served:
        return
    names = [one_line(name, 100) for name in served]
    error.hint = f"{did_you_mean(model, names, '')} {listed('Served are', names)}".strip()


def quoted(text: str) -> str:
    """Returns an endpoint's text as one line of at most QUOTE_LIMIT characters, to be quoted in a sentence; `a web
    page` for HTML."""
    line = one_line(text, QUOTE_LIMIT)
    return "a web page" if line.lower().startswith(("<!doctype", "<html")) else line


def unread_certificates(error: OSError) -> EndpointError:
    """Returns the error for certificates, named by SSL_CERT_FILE or SSL_CERT_DIR, that cannot be read."""
    return EndpointError(
        "connection",
        f"The certificates of the environment cannot be read: {error.strerror or error}.",
        hint="Correct SSL_CERT_FILE and SSL_CERT_DIR, or remove them to trust what this machine trusts.",
    )


def unreachable(error: Exception, settings: EndpointSettings) -> EndpointError:
    """Returns the error for a connection that failed before an answer began. `error` is the exception of the network
    library; its innermost cause is quoted."""
    message = f"{settings.name} cannot be reached at {settings.base_url}: {_reason(error, settings)}."
    return EndpointError("connection", message, hint=_connection_hint(map(_message, _causes(error)), settings))


def broken(error: Exception, settings: EndpointSettings) -> EndpointError:
    """Returns the error for a connection that broke in the middle of an answer."""
    message = f"{settings.name} broke the connection in the middle of the reply: {_reason(error, settings)}."
    return EndpointError("bad_reply", message)


def too_large(settings: EndpointSettings, most: int) -> EndpointError:
    """Returns the error for an answer larger than `most` bytes, whose rest is not read."""
    return EndpointError("bad_reply", f"{settings.name} sent an answer of more than {most / 2**20:.0f} MiB.")


def advise_on_url(error: EndpointError, settings: EndpointSettings) -> None:
    """Sets the error's hint to check the base URL if the server does not know the path (404, 405), if it refuses the
    key with a web page (401, 403), or if the error is a bad reply without a hint. Sets `wrong_address`: True if the
    path is unknown or the answer is a web page.

    Meant for an endpoint that has never sent a readable answer.
    """
    elsewhere = error.kind == "bad_request" and error.status in (404, 405)
    page = error.kind in ("bad_reply", "auth") and error.raw.lstrip()[:1] == "<"
    error.wrong_address = elsewhere or page
    if page and error.kind == "auth":  # before the hint on the key: a web page says nothing of a key
        error.message = f"{settings.name} sent a web page instead of JSON ({error.status})."
        error.hint = f"Check the base URL {settings.base_url}: it usually ends in /v1. Then the key: {error.hint}"
    elif elsewhere or (error.kind == "bad_reply" and not error.hint):
        error.hint = f"Check the base URL {settings.base_url}: it usually ends in /v1."
        if page:
            error.hint += " A proxy's sign-in page looks like this too."


def _reason(error: Exception, settings: EndpointSettings) -> str:
    """Returns the innermost cause of the error in plain words, with secrets replaced."""
    messages = [_plain(cause) for cause in _causes(error)]
    message = next((text for text in reversed(messages) if text), "the connection broke")
    return quoted(redacted(message, settings.secrets)).rstrip(".")


def _plain(error: BaseException) -> str:
    """Returns the message of a network error without the numbers and places in code that system libraries add."""
    text = _message(error)
    if isinstance(error, gaierror):
        return "no computer of this name is known"
    if numbers := list(dict.fromkeys(map(int, _NUMBER.findall(text)))):  # several: one for each address of the host
        return ", ".join(_WORDS.get(number) or os.strerror(number).lower() for number in numbers)
    return _OF_SSL.sub("", text)


def _message(error: BaseException) -> str:
    message = getattr(error, "message", None)  # aiohttp's str() adds a status that the server did not send
    return (message if isinstance(message, str) else str(error)).strip()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields the error and its causes, the innermost last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _connection_hint(causes: Iterable[str], settings: EndpointSettings) -> str:
    if any("CERTIFICATE" in cause.upper() for cause in causes):
        return "If your company inspects traffic, set SSL_CERT_FILE to its certificate."
    if settings.is_loopback:
        return "Is the server running, and on this port? Start it, or correct the base URL."
    return "Check the base URL, the network, and HTTPS_PROXY if you need a proxy."
