"""Makes foreign text safe to show in one line: printable, with single spaces, truncated; late patterns. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, cast

LINE = 160  # characters that a line of a table shows
_JOINERS = "\u200c\u200d"  # not printable by themselves, but parts of words and of emoji


def printable(text: str) -> str:
    """Replaces by a space each character that is not for display: control characters, line breaks, and signs that
    change the direction of writing. A terminal would obey them."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in _JOINERS else " " for c in text)


def cut(text: str, limit: int) -> str:
    """Returns the first `limit` characters of the text; the last of them is "…" if anything is left out."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def one_line(text: str, limit: int = LINE) -> str:
    """Makes the text printable, with single spaces for white space, and truncates it to `limit` characters.

    Only the first 10 × `limit` characters are read, so that a long reply takes no more time than a short one.
    """
    line = " ".join(printable(text[: 10 * limit]).split())
    return cut(line if len(text) <= 10 * limit else f"{line}…", limit)


def value_text(value: Any) -> str:
    """Returns a string unchanged, and any other value as JSON: `7`, `true`, `["a", "b"]`."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def late(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Returns the pattern, which is compiled when it is first used. For patterns at the head of a module that take
    milliseconds, while a run uses few of them."""
    return cast("re.Pattern[str]", _LatePattern(pattern, flags))


class _LatePattern:
    def __init__(self, pattern: str, flags: re.RegexFlag) -> None:
        self._source = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._source)
        for method in ("search", "match", "fullmatch", "split", "sub", "findall", "finditer"):
            setattr(self, method, getattr(compiled, method))  # found without __getattr__ from now on
        return getattr(compiled, name)


def clean(text: str) -> str:
    """Returns the text with each lone surrogate, which UTF-8 cannot encode, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
