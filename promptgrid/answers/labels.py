"""Labels named in running text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from promptgrid.answers.patterns import SHORT, TIMEOUT_S

if TYPE_CHECKING:
    from regex import Pattern

# What may not touch a label: letters and digits, but those of scripts that write no spaces may ("答案是positive").
_WORD = r"[\p{L}\p{N}_--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]]"


def find_labels(labels: Sequence[str], text: str) -> list[str]:
    """Every mention of a label in the text, in order, in the spelling of `labels`.

    Whole words, in any case; the longest label wins where two begin ("very positive" before "positive").
    """
    names = tuple(label for label in labels if label.strip())
    if not names:
        return []
    spelling = {_key(label): label for label in reversed(names)}
    found: list[str] = []
    try:
        for match in _pattern(names).finditer(text, timeout=TIMEOUT_S, concurrent=len(text) > SHORT):
            label = spelling.get(_key(match.group()))
            if label is not None:
                found.append(label)
    except TimeoutError:
        return found
    return found


def _key(label: str) -> str:
    return " ".join(label.casefold().split())


@lru_cache(maxsize=64)
def _pattern(labels: tuple[str, ...]) -> Pattern[str]:
    import regex

    longest_first = sorted(labels, key=len, reverse=True)
    words = (r"\s+".join(map(_literal, label.split())) for label in longest_first)
    return regex.compile(rf"(?V1)(?<!{_WORD})(?:{'|'.join(words)})(?!{_WORD})", regex.IGNORECASE)


def _literal(text: str) -> str:
    """The text as a pattern; hex, since the escapes of `regex.escape` are not made for set notation (V1)."""
    return "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in text)
