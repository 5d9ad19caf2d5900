"""Formats numbers and times for readers; pure."""

from __future__ import annotations

import time
from datetime import datetime


def duration(seconds: float | None) -> str:
    """Formats seconds roughly, as `about 40 s`, `about 4 min`, `about 3 h`; empty for None and 0."""
    if not seconds:
        return ""
    if seconds < 1:
        return "about 1 s"
    if seconds < 100:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.0f} h"


def latency(milliseconds: float | None) -> str:
    """Formats how long a call took, as `0.42 s`; empty for None."""
    return "" if milliseconds is None else f"{milliseconds / 1000:,.2f} s"


def clock(seconds: float) -> str:
    """Formats seconds as minutes and seconds, `1:40`, or with hours, `2:05:10`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(then: float, now: float | None = None) -> str:
    """Formats a past time as `just now`, `5 min ago`, `3 h ago`, or after 20 hours as the day.

    `then` and `now` (None: the present) are in seconds since 1970.
    """
    passed = (time.time() if now is None else now) - then
    if passed < 60:
        return "just now"
    if passed < 3600:
        return f"{passed / 60:.0f} min ago"
    if passed < 20 * 3600:
        return f"{passed / 3600:.0f} h ago"
    return f"{datetime.fromtimestamp(then):%d %b %Y}".lstrip("0")


def moment(then: float) -> str:
    """Formats a time, in seconds since 1970, as day and time of this machine's clock: `22 Nov 14:05`."""
    return f"{datetime.fromtimestamp(then):%d %b %H:%M}".lstrip("0")


def size(count: int) -> str:
    """Formats a number of bytes: `98 MB`, `1.2 GB`, `4 kB`."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def dollars(amount: float) -> str:
    """Formats US dollars: `$0.0142`, `$12.50`."""
    return f"${amount:,.4f}" if amount < 1 else f"${amount:,.2f}"


def many(count: int, noun: str) -> str:
    """Formats a number with its noun, which gets an s unless the number is 1: `1 case`, `1,200 cases`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def log_probability(logprob: float) -> str:
    """Returns the natural logarithm of a probability: `−18.35`."""
    return f"{logprob:.2f}".replace("-", "−")


def text_probability(logprob: float | None, tokens: int | None) -> str:
    """Returns how probable a whole text is, from the natural logarithm of its probability and its number of tokens:
    `−18.35 in all · −0.92 a token · 20 tokens`."""
    if logprob is None or not tokens:
        return "no probability reported"
    each = log_probability(logprob / tokens)
    return f"{log_probability(logprob)} in all · {each} a token · {many(tokens, 'token')}"
