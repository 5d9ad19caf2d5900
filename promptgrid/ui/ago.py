"""Points in time, the way people say them."""

from __future__ import annotations

import time
from datetime import datetime

_STEPS = ((3600.0, 60.0, "min"), (86400.0, 3600.0, "h"), (7 * 86400.0, 86400.0, "d"))


def ago(moment: float, now: float | None = None) -> str:
    """ "just now", "5 min ago", "3 h ago", "2 d ago", then the date. `moment` in seconds since 1970."""
    passed = (time.time() if now is None else now) - moment
    if passed < 60:
        return "just now"
    for bound, unit, word in _STEPS:
        if passed < bound:
            return f"{passed / unit:.0f} {word} ago"
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d")
