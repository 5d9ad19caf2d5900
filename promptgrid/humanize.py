"""Numbers and times in readable form; pure."""

from __future__ import annotations

import time
from datetime import datetime


def duration(seconds: float | None) -> str:
    """`about 40 s`, `about 4 min`, `about 3 h`; empty if unknown or 0."""
    if not seconds:
        return ""
    if seconds < 1:
        return "about 1 s"
    if seconds < 100:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.0f} h"


def clock(seconds: float) -> str:
    """Minutes and seconds, `1:40`; with hours `2:05:10`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(then: float, now: float | None = None) -> str:
    """`just now`, `5 min ago`, `3 h ago`, then the day; `then` in seconds since 1970."""
    passed = (time.time() if now is None else now) - then
    if passed < 60:
        return "just now"
    if passed < 3600:
        return f"{passed / 60:.0f} min ago"
    if passed < 20 * 3600:
        return f"{passed / 3600:.0f} h ago"
    return f"{datetime.fromtimestamp(then):%d %b %Y}".lstrip("0")


def moment(then: float) -> str:
    """`22 Nov 14:05`, which reads the same tomorrow; `then` in seconds since 1970."""
    return f"{datetime.fromtimestamp(then):%d %b %H:%M}".lstrip("0")


def size(count: int) -> str:
    """Bytes: `98 MB`, `1.2 GB`, `4 kB`."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def dollars(amount: float) -> str:
    """`$0.0142`, `$12.50`."""
    return f"${amount:,.4f}" if amount < 1 else f"${amount:,.2f}"


def many(count: int, noun: str) -> str:
    """`1 case`, `1,200 cases`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
