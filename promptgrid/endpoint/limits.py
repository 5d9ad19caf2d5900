"""Reads the rate limits in an endpoint's headers: seconds to wait, and remaining requests and tokens."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from promptgrid.endpoint.base import Allowance, RateLimits

Names = tuple[str, ...]  # of the headers for limit, remaining and reset
FIELDS = ("limit", "remaining", "reset")


def _names(pattern: str) -> Names:
    return tuple(pattern.format(field) for field in FIELDS)


# The spelling of OpenAI and compatible endpoints, then Anthropic's; then the draft standard's, which counts requests.
REQUESTS = (
    _names("x-ratelimit-{}-requests"),
    _names("anthropic-ratelimit-requests-{}"),
    _names("ratelimit-{}"),
    _names("x-ratelimit-{}"),
)
TOKENS = (_names("x-ratelimit-{}-tokens"), _names("anthropic-ratelimit-tokens-{}"))
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)", re.ASCII)
DURATION = re.compile(f"(?:{PART.pattern})+", re.ASCII)
EPOCH_S, EPOCH_MS = 1e9, 1e12  # a plain number from here on is a moment in seconds or milliseconds, not a duration
COUNT_LIMIT = 2**53


def rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """Returns what a response's headers report about the endpoint's rate limits; None if they report nothing, as is
    usual.

    The names in `headers` are in lower case, or the mapping ignores case.
    """
    requests, tokens = _allowance(headers, REQUESTS), _allowance(headers, TOKENS)
    return RateLimits(requests, tokens) if requests or tokens else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait, from the header retry-after-ms or Retry-After (seconds or a date); None without either.

    A date is compared with the endpoint's own clock (header Date) if it is sent, since that clock may be wrong.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    return _until(_date(headers.get("retry-after", "")), headers)


def _allowance(headers: Mapping[str, str], spellings: tuple[Names, ...]) -> Allowance | None:
    for limit, remaining, reset in spellings:
        if limit in headers or remaining in headers:
            return Allowance(
                _count(headers.get(limit, "")), _count(headers.get(remaining, "")), _reset(headers.get(reset), headers)
            )
    return None


def _count(text: str) -> int | None:
    """Returns the number at the start of a header's text, which may go on with its window (`100, 100;w=60`); None
    without a number."""
    match = re.match(r"\s*(\d{1,16})(?:\.0*)?\s*(?:[,;].*)?$", text, re.ASCII)
    return int(match[1]) if match else None


def _reset(text: str | None, headers: Mapping[str, str]) -> float | None:
    """Returns the seconds until a limit is reset, from the `text` of its header: a duration (`6m0s`, `20ms`), a date,
    or a plain number, which is a moment since 1970 from EPOCH_S (in seconds) or EPOCH_MS (in milliseconds) on, else
    seconds. None for any other text. `headers` are those of the same response, for its Date (see `_until`)."""
    text = (text or "").strip()
    if DURATION.fullmatch(text):
        return sum(float(number) * UNITS_S[unit] for number, unit in PART.findall(text))
    try:
        seconds = float(text)
    except ValueError:
        return _until(_date(text), headers)
    if not math.isfinite(seconds):
        return None
    if seconds >= EPOCH_S:
        return _until(seconds / 1000 if seconds >= EPOCH_MS else seconds, headers)
    return max(0.0, seconds)


def _until(moment: float | None, headers: Mapping[str, str]) -> float | None:
    """Returns the seconds from now to `moment` (in seconds since 1970), at least 0; None for None. "Now" is the Date in
    the response's `headers`, else this machine's time."""
    if moment is None:
        return None
    now = _date(headers.get("date", ""))
    return max(0.0, moment - (time.time() if now is None else now))


def _date(text: str) -> float | None:
    """Returns an HTTP or ISO date as seconds since 1970 (UTC if it has no zone); None for any other text."""
    try:
        date = datetime.fromisoformat(text) if text[:1].isdigit() else email.utils.parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
