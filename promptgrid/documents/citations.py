"""Reads citations out of a reply: numbers in brackets, such as [1], [2, 3] or 【1】."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DIGITS = r"\d{1,3}"
_CITATION = re.compile(rf"[\[【［]\s*({_DIGITS}(?:\s*[,，、;；]\s*{_DIGITS})*)\s*[\]】］]")
_NUMBER = re.compile(_DIGITS)


@dataclass(frozen=True, slots=True)
class Citation:
    """A number that is cited at the characters from `start` up to `end` of a reply, the brackets included if it stands
    in them alone."""

    number: int
    start: int
    end: int


def citations(text: str) -> Iterator[Citation]:
    """Yields the citations in the text, in order. `[1, 2]` are two; a number in the text without brackets is none."""
    for match in _CITATION.finditer(text):
        numbers = list(_NUMBER.finditer(match[1]))
        if len(numbers) == 1:
            yield Citation(int(numbers[0][0]), match.start(), match.end())
            continue
        for number in numbers:
            yield Citation(int(number[0]), match.start(1) + number.start(), match.start(1) + number.end())
