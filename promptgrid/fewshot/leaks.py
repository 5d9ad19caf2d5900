"""Tells whether an example is the case itself, so that it would give the answer away.

Two texts are the same if they are equal but for case, blanks, punctuation and the way in which numbers are written
(`three`, 三 and 3). They are nearly the same if both have four words or more, hold the same numbers, and have at least
7 of 10 of their words and word pairs in common (Jaccard), as near duplicates of cases.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from promptgrid.answers.numbers import numerals_of_plain, plain
from promptgrid.cases.duplicates import NEAR
from promptgrid.ranking.bm25 import BM25
from promptgrid.ranking.orders import best

_WORD = re.compile(r"[㐀-鿿぀-ヿ]|[^\W_㐀-鿿぀-ヿ]+")
_WORDS_OF_A_TEXT = 4
_CANDIDATES = 20  # a text with most words in common is among the first that BM25 finds


class LeakGuard:
    """The texts of a pool of examples, against which the text of a case is held."""

    def __init__(self, texts: Sequence[str], language: str = "en") -> None:
        self._language = language
        self._words = [_words(text, language) for text in texts]
        self._bm25 = BM25(" ".join(words) for words in self._words)

    def leaks(self, text: str) -> dict[int, str]:
        """Returns the indices of the examples that must not be shown to a case with this text, each with the reason."""
        words = _words(text, self._language)
        if not words:
            return {}
        found = {at: "the case itself" for at, one in enumerate(self._words) if one == words}
        for at, _ in best(self._bm25.scores(" ".join(words)), _CANDIDATES, 0.0):
            if at not in found and _is_near(words, self._words[at]):
                found[at] = "nearly the case itself"
        return found


def _is_near(one: Sequence[str], other: Sequence[str]) -> bool:
    if min(len(one), len(other)) < _WORDS_OF_A_TEXT or _numbers(one) != _numbers(other):
        return False
    mine, its = _members(one), _members(other)
    return len(mine & its) >= NEAR * len(mine | its)


def _members(words: Sequence[str]) -> set[object]:
    return {*words, *pairwise(words)}


def _numbers(words: Sequence[str]) -> list[str]:
    return sorted(word for word in words if any(map(str.isdecimal, word)))


def _words(text: str, language: str) -> list[str]:
    """Returns the words of the text in lower case, numbers by their values."""
    parts, end = [], 0
    text = plain(unicodedata.normalize("NFKC", text))
    for numeral in numerals_of_plain(text, language):
        if numeral.kind != "unclear":
            parts += [text[end : numeral.start], f" {numeral.text} "]
            end = numeral.end
    return _WORD.findall("".join([*parts, text[end:]]).casefold())
