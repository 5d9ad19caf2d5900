"""Regular expressions on foreign text, bounded in time: `re` would hold the interpreter, `regex` has a timeout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern

SHORT = 4_000  # characters: our own patterns search so little before another thread could take over
TIMEOUT_S = 0.5


def lower(text: str) -> str:
    """The text in lower case and of the same length, so that places in it are places in the text."""
    folded = text.lower()
    return folded if len(folded) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """What a search brought: `text` is the first group (else the match), None without a match.

    `problem` says why nothing could be searched (a broken pattern, too slow); it is empty otherwise.
    """

    text: str | None
    problem: str = ""


@lru_cache(maxsize=256)
def compiled(pattern: str, *, ignore_case: bool = False) -> Pattern[str]:
    """The pattern in the syntax of the `regex` package. Raises regex.error."""
    import regex

    return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)


def search(pattern: str, text: str, *, ignore_case: bool = False) -> PatternMatch:
    """The first match of a user's pattern in a model's text; never raises, never takes much longer than 0.5 s."""
    import regex

    try:
        match = compiled(pattern, ignore_case=ignore_case).search(text, timeout=TIMEOUT_S, concurrent=True)
    except TimeoutError:
        return PatternMatch(None, f"the pattern {pattern!r} was too slow on this text (over {TIMEOUT_S} s)")
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        return PatternMatch(None, f"the pattern {pattern!r} is wrong: {error}")
    if match is None:
        return PatternMatch(None)
    group = match.group(1) if match.re.groups else None
    return PatternMatch(match.group() if group is None else group)
