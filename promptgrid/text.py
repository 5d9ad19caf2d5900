"""Foreign text in one line: printable, with single spaces, cut at a length; values as text; pure."""

from __future__ import annotations

import json
from typing import Any

LINE = 160  # characters that a line of a table shows
_JOINERS = "\u200c\u200d"  # not printable by themselves, but parts of words and of emoji


def printable(text: str) -> str:
    """The text with a space for each control, line break and direction override: a terminal would obey them."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in _JOINERS else " " for c in text)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last of which is "…" where something is left out."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def one_line(text: str, limit: int = LINE) -> str:
    """The printable text with single spaces for white space, cut at `limit` characters.

    Only the first 10 × `limit` characters are read, so that a long reply costs no more than a short one.
    """
    line = " ".join(printable(text[: 10 * limit]).split())
    return cut(line if len(text) <= 10 * limit else f"{line}…", limit)


def value_text(value: Any) -> str:
    """A text as it is, any other value as JSON: `7`, `true`, `["a", "b"]`."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
