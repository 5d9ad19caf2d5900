"""Finds labels in running text: whole words, ignoring case; option letters such as B by case and position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from promptgrid.answers.patterns import SHORT, TIMEOUT_S
from promptgrid.text import late

if TYPE_CHECKING:
    from regex import Pattern

# Letters and digits may not touch a label, except those of scripts without spaces ("答案是positive").
_WORD = r"[\p{L}\p{N}_--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]]"
_NOT = (
    r"not|never|no|nor|neither|without|nothing|none|(?:is|was|are|does|do|did)n['’]?t|can(?:no|['’])t|cannot|"
    r"rather[ ]than|instead[ ]of|anything[ ]but|far[ ]from|lacks?|"
    r"hardly|rules?[ ]out|excludes?|eliminates?|nicht|kein\w*|pas|nunca|нет|не"
)
_BETWEEN = (
    r"a|an|the|as|be|been|really|very|at[ ]all|quite|so|entirely|necessarily|clearly|option|answer|is|actually|only|"
    r"purely|simply|just|in|any|overtly|particularly|overly|anything|labell?ed|considered|classified|rated"
)
_NEGATED = late(
    rf"(?:\b(?:{_NOT})\b(?:[ ]+(?:{_BETWEEN})){{0,3}}[ ]+[\"'“‘(*]*|(?:(?<![^\W_])non|\bun|\banti)[-\s]?"
    r"|(?:不|非|没有?|並非|并非|不是|無|无|未)(?:是|算|太|很|够|属于|為|为)?[“\"']?)$",
    re.IGNORECASE,
)
_BOTH = late(r"\bneither\b[^.;!?\n]{0,40}$", re.IGNORECASE)
_RULED_OUT = late(  # (A) a long pipe is not
    r"[)\]:]?[ ]*(?:(?!because|since|as\b|and\b|but\b|while|so\b|for\b|it\b)[\w'-]+[ ]+){0,4}"
    r"(?:(?:is|are|was|does|do|would|can)(?:[ ]not|n['’]t)\b|cannot\b|is[ ](?:incorrect|wrong|false|ruled[ ]out))",
    re.IGNORECASE,
)
_LOOK_BACK = 48
_ASKED = late(r"[^.!?;:\n。？！；：]{0,80}[?？]")
_ARTICLES = frozenset("aAiI")
_VERBS = late(
    r"[ ]+(?:is|are|was|has|can|and|or|because|since|as|but|would|will|seems|matches|fits|gives|says|does|with|for)\b"
    r"|[ ]*(?:[-–—,.;:)\]}*/=!?|]|$|\n)"
)
_QUOTE = r"[(\[*_\"'“]*$"
_NAMING = "option|choice|answer|letter|choose|chose|pick|select|so|thus|therefore|hence"
_OPTION_BEFORE = late(
    rf"(?:(?:^|\n|[^\w\s'’])[ ]*|\b(?:{_NAMING}|is|are|be|not|with|for|and|or|than|as|either|both|neither|\w+ly)[ ]+"
    rf"|[选選择擇項项是为為案答][ ]*){_QUOTE}",
    re.IGNORECASE,
)
_NAMES_BEFORE = late(rf"\b(?:{_NAMING})[ ]+{_QUOTE}", re.IGNORECASE)
_OPTION_JOINED = late(r"(?<![^\W_])[A-Z][)\]]?(?:[ ]*[,/&][ ]*|[ ]+(?:and|or)[ ]+)$")
_CHOSEN = late(rf"(?:\b(?:is|be)[ ]+|[选選择擇項项是为為案答:：=])[ ]*{_QUOTE}", re.IGNORECASE)
_YES_BEFORE = late(r"\byes\b[\W_]*(?:and|or)?[\W_]*$", re.IGNORECASE)
_NO_BEHIND = late(
    r"[ ]+(?!because|since|and\b|or\b|but\b|as\b|it\b|they|he\b|she|this|that|there|i\b|we\b|you|not\b|the\b)[^\W\d]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Mention:
    """One occurrence of a label in a text, from index `start` to `end`; `label` has the label's own spelling. `denied`:
    the text negates it ("not positive"). `asked`: the text only asks whether it applies."""

    label: str
    start: int
    end: int
    denied: bool = False
    asked: bool = False


def find_labels(
    labels: Sequence[str], text: str, names: Mapping[str, Sequence[str]] | None = None, *, bare: bool = True
) -> list[Mention]:
    """Returns every mention of a label in the text, in order; `names` maps a label to its other names.

    Without `bare`, a single letter counts only if the text marks it as an option, as in "(B)", "option B" or "so B.";
    the B in "hose B" does not count. If two names begin at the same place, the longest wins ("very positive" before
    "positive"). A search of more than half a second returns an empty list, since the mentions up to then could be the
    wrong ones.
    """
    spelling = _spelling(tuple(labels), tuple((label, tuple(words)) for label, words in (names or {}).items()))
    if not spelling:
        return []
    mentions: list[Mention] = []
    try:
        for match in _pattern(tuple(spelling)).finditer(text, timeout=TIMEOUT_S, concurrent=len(text) > SHORT):
            label = spelling.get(match.group()) or spelling.get(_key(match.group()))
            if label is not None and _is_label(match.group(), text, match.start(), match.end(), bare):
                mentions.append(mention_at(label, text, match.start(), match.end()))
    except TimeoutError:
        return []
    return mentions


@lru_cache(maxsize=64)
def _spelling(labels: tuple[str, ...], names: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, str]:
    """Maps every name of a label, casefolded and with single blanks, to the label; `names` holds (label, its other
    names)."""
    known = {_key(word): label for label, words in reversed(names) for word in words if word.strip()}
    return known | {_key(_OPTION.sub(r"\1", label)): label for label in reversed(labels) if label.strip()}


_OPTION = late(r"\A\s*[(\[（]?([A-Za-z])[)\]）.:]\s*\Z")
"""A label that is one letter with the signs of an option: (A), A), A. It is read like the label A."""


def _key(label: str) -> str:
    return " ".join(label.casefold().split())


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> Pattern[str]:
    import regex

    longest_first = sorted(names, key=len, reverse=True)
    words = (r"[\s\-_]+".join(map(_literal, re.split(r"[\s\-_]+", name))) for name in longest_first)
    return regex.compile(rf"(?V1)(?<!{_WORD})(?:{'|'.join(words)})(?!{_WORD})", regex.IGNORECASE)


def _literal(text: str) -> str:
    """Returns a pattern that matches exactly this text. It escapes in hex, because the syntax used here (V1 of `regex`)
    reads more signs than `regex.escape` escapes."""
    return "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in text)


def _is_label(written: str, text: str, start: int, end: int, bare: bool) -> bool:
    if len(written) > 1:
        return written.lower() != "no" or _is_no(text, start, end)
    if "\u2e80" <= written <= "\u9fff":
        return _stands_alone(text, start, end)
    return not written.isalpha() or _is_option(written, text, start, end, bare)


def _is_no(text: str, start: int, end: int) -> bool:
    """Tells whether the word "no" from `start` to `end` is an answer by itself; in "no problem" it belongs to the next
    word."""
    if not _NO_BEHIND.match(text, end) or text[start - 1 : start] in ("(", "*", '"'):
        return True
    return _YES_BEFORE.search(text, max(0, start - 16), start) is not None


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Tells whether the Chinese character from `start` to `end` is a word by itself: it has no other Chinese character
    beside it."""
    around = (text[start - 1 : start], text[end : end + 1])
    return not any("\u2e80" <= c <= "\u2fff" or "\u3040" <= c <= "\u9fff" for c in around if c)


def _is_option(letter: str, text: str, start: int, end: int, bare: bool) -> bool:
    """Tells whether a single letter from `start` to `end` names an option: (B), B), B., **B**; not the article a, not
    the letter in I'm. Without `bare`, a letter that the text does not mark as an option does not count."""
    left, right = text[start - 1 : start], text[end : end + 1]
    if left and left in "([（【" and right and right in ")]）】":
        return True
    if right and right in "'’&" and text[end + 1 : end + 2].isalpha():
        return False
    if not text[:start].strip(" \t\r\n*_`#>\"'“([（-") and not text[end:].strip(" \t\r\n*_`.\"'”)]）。!"):
        return True
    if letter.islower():
        return bool(right) and right in ")." and text[:start].rpartition("\n")[2].strip(" *_#>(") == "" and right == ")"
    low = max(0, start - 16)
    if not _OPTION_BEFORE.search(text, low, start) or right == "(":  # Vitamin C
        return False
    named = _NAMES_BEFORE.search(text, low, start) or _OPTION_JOINED.search(text, low, start)
    if letter in _ARTICLES and not named and (not _VERBS.match(text, end) or (letter == "I" and right == " ")):
        return False
    return bare or named is not None or bool(_CHOSEN.search(text, low, start))


def mention_at(label: str, text: str, start: int, end: int) -> Mention:
    """Returns the mention of a label from `start` to `end`; the words around it decide `denied` and `asked`."""
    left = text[max(0, start - _LOOK_BACK) : start]
    denied = bool(_NEGATED.search(left)) or bool(_BOTH.search(left))
    denied = denied or (end - start == 1 and _RULED_OUT.match(text, end) is not None)
    return Mention(label, start, end, denied, bool(_ASKED.match(text, end)))
