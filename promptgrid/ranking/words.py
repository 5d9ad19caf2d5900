"""Cuts texts into the terms of full-text search: words, and for Chinese the single characters and pairs of them.

Source of the plural rules: Harman 1991, "How effective is suffixing?" (the S stemmer).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain, pairwise

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # written without blanks
_RUN = re.compile(rf"[{_WIDE}]+")
_WORD = re.compile(rf"[^\W_{_WIDE}]+(?:['’]s\b)?")
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


def pieces(text: str) -> tuple[list[str], list[str]]:
    """Returns the words of the text as they are written, in lower case (`ferries`, `captain's`), and its runs of
    Chinese characters or kana. `word_term` and `run_terms` make terms of them."""
    text = unicodedata.normalize("NFKC", text).lower()
    return _WORD.findall(text), [] if text.isascii() else _RUN.findall(text)


def word_term(word: str) -> str:
    """Returns the term of a word that `pieces` returned: without `'s` and an English plural `s`."""
    word = word[:-2] if word.endswith(("'s", "’s")) else word
    return _singular(word) if word[-1] == "s" or len(word) > _LONG else word


def run_terms(run: str) -> list[str]:
    """Returns the terms of a run of Chinese characters or kana: each character, and each pair of neighbours."""
    return [*run, *map("".join, pairwise(run))]


def terms(text: str) -> list[str]:
    """Returns the terms of the text: its words in lower case without an English plural `s`, then for each run of
    Chinese characters or kana each character and each pair of neighbours. Every text is accepted."""
    words, runs = pieces(text)
    return [*map(word_term, words), *chain.from_iterable(map(run_terms, runs))]


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
