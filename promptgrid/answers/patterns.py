"""Runs untrusted patterns and texts with a time limit: `re` would block the interpreter, `regex` has a timeout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from promptgrid import bounded

if TYPE_CHECKING:
    from regex import Pattern

SHORT = 4_000  # characters: in a shorter text our own patterns run without releasing the interpreter lock
TIMEOUT_S = 0.5


def lower(text: str) -> str:
    """Returns the text in lower case with unchanged length: an index in one text is valid in the other."""
    folded = text.lower()
    return folded if len(folded) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """The result of a search. `text` is the first group of the match, or the whole match if the pattern has no group;
    None without a match.

    `problem` says why the search failed (an invalid pattern, a timeout); it is empty otherwise.
    """

    text: str | None
    problem: str = ""


@lru_cache(maxsize=256)
def compiled(pattern: str, *, ignore_case: bool = False) -> Pattern[str]:
    """Compiles a pattern in the syntax of the `regex` package. Raises regex.error for an invalid pattern."""
    import regex

    return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)


def search(pattern: str, text: str, *, ignore_case: bool = False) -> PatternMatch:
    """Returns the first match of a user's pattern in a model's text. Never raises; bounded in time and memory."""
    try:
        return PatternMatch(*bounded.call(f"{__name__}:searched", pattern, text, ignore_case, blame=pattern))
    except bounded.Exceeded as exceeded:
        return PatternMatch(None, f"the pattern {pattern!r} {exceeded}")


def searched(pattern: str, text: str, ignore_case: bool = False) -> tuple[str | None, str]:
    """Returns (the text of the first match or None, the problem or ""), as in `PatternMatch`. To be called in a bounded
    child process, since `regex` limits neither the time nor the memory in which a pattern is compiled."""
    import regex

    try:
        match = compiled(pattern, ignore_case=ignore_case).search(text, timeout=TIMEOUT_S)
    except TimeoutError:
        return None, f"the pattern {pattern!r} was too slow on this text (over {TIMEOUT_S} s)"
    except (regex.error, OverflowError, RecursionError) as error:
        return None, f"the pattern {pattern!r} is wrong: {error}"
    if match is None:
        return None, ""
    group = match.group(1) if match.re.groups else None
    return match.group() if group is None else group, ""
