"""Cuts texts into the terms of full-text search: words, and for Chinese the single characters and pairs of them.

Source of the plural rules: Harman 1991, "How effective is suffixing?" (the S stemmer).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # written without blanks
_TERM = re.compile(rf"([{_WIDE}]+)|([^\W_{_WIDE}]+)(?:['’]s\b)?")
_COMMON = frozenset(  # as `terms` returns them: `thi` is `this`
    {
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "could", "did", "do", "does", "for", "from"),
        *("had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "many"),
        *("may", "me", "more", "most", "much", "must", "my", "no", "not", "of", "on", "or", "our", "she", "should"),
        *("so", "than", "that", "the", "their", "them", "then", "there", "these", "they", "thi", "those", "to", "was"),
        *("we", "were", "what", "when", "where", "which", "who", "whom", "why", "will", "with", "would", "you", "your"),
    }
)
_LONG = 64  # characters: a longer word is cut off, such as a line of base64


def terms(text: str) -> list[str]:
    """Returns the terms of the text in its order: words in lower case without an English plural `s`, and for a run of
    Chinese characters or kana each character and each pair of neighbours. Every text is accepted."""
    words: list[str] = []
    for wide, word in _TERM.findall(unicodedata.normalize("NFKC", text).lower()):
        if word:
            words.append(_singular(word) if word[-1] == "s" or len(word) > _LONG else word)
        else:
            words.extend(wide)
            words.extend(map("".join, pairwise(wide)))
    return words


def query_terms(text: str) -> list[str]:
    """Returns the terms of a question without the commonest English words, which say nothing of what is asked; with
    them, if it has no other words."""
    all_of_them = terms(text)
    return [term for term in all_of_them if term not in _COMMON] or all_of_them


def _singular(word: str) -> str:
    word = word[:_LONG]
    if len(word) < 4 or not word.endswith("s") or not word.isascii():
        return word
    if word.endswith("ies"):
        return word if word.endswith(("eies", "aies")) else f"{word[:-3]}y"
    if word.endswith("es"):
        return word if word.endswith(("aes", "ees", "oes")) else word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]
