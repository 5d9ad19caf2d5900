"""Number words in English: twenty-four · one hundred and five · two and a half · three quarters · a dozen."""

from __future__ import annotations

import re
from fractions import Fraction

_SMALL = dict(
    zip(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
        range(20),
        strict=True,
    )
)
_TENS = {
    word: 10 * i
    for i, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
} | {"fourty": 40}  # fmt: skip
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PARTS = {
    "half": 2,
    "halves": 2,
    "quarter": 4,
    "quarters": 4,
    **{word + plural: n for n, word in enumerate(_ORDINALS, 3) for plural in ("", "s")},
}
_DOZENS = {"dozen": 12}
_LONGEST = 400  # characters; a longer number is a loop of the model
_STARTS = "|".join(sorted({*_SMALL, *_TENS}, key=len, reverse=True))
_MORE = "|".join(sorted({*_SMALL, *_TENS, *_SCALES, *_PARTS, *_DOZENS, "hundred"}, key=len, reverse=True))

PATTERN = (
    r"(?:(?:half[ ]+)?an?[ ]+(?:hundred|dozen|thousand|million|billion|half|third|quarter)|half(?=[ ]+(?:an?|of)\b)"
    rf"|(?:{_STARTS}))"
    rf"(?:[ -]+(?:and[ ]+(?:a[ ]+)?|point[ ]+)?(?:{_MORE}))*"
)
"""What may be a number in words; `read_words` says whether it is."""


def read_words(words: str) -> Fraction | None:
    """Returns the value of a number in words; None for words that are not exactly one number ("two three")."""
    if len(words) > _LONGEST:
        return None
    tokens = re.split(r"[\s-]+", words.lower())
    if "point" in tokens:
        return _decimal(tokens)
    if tokens[:1] == ["half"]:
        inner = read_words(" ".join(tokens[1:])) if len(tokens) > 1 else Fraction(1)
        return inner / 2 if inner is not None else None
    if len(tokens) > 1 and tokens[-1] in _PARTS:
        return _with_part(tokens)
    return _whole(tokens)


def _decimal(tokens: list[str]) -> Fraction | None:
    at = tokens.index("point")
    whole, digits = _whole(tokens[:at]), [_SMALL.get(token, 10) for token in tokens[at + 1 :]]
    if whole is None or not digits or max(digits) > 9:
        return None
    return whole + Fraction(int("".join(map(str, digits))), 10 ** len(digits))


def _with_part(tokens: list[str]) -> Fraction | None:
    """Reads a fraction in words: two thirds · two and a half · one half."""
    *before, part = tokens
    if "and" in before:
        at = len(before) - 1 - before[::-1].index("and")
        whole, top = _whole(before[:at]), _whole(before[at + 1 :] or ["a"])
    else:
        whole, top = Fraction(0), _whole(before)
    return None if whole is None or top is None else whole + top / _PARTS[part]


def _whole(tokens: list[str]) -> Fraction | None:
    """Reads a whole number in words; units, tens, hundreds and scales must each be lower than the one before."""
    total = group = 0
    limit, scale_limit = 1000, 10**15
    tokens = [token for token in tokens if token != "and"]
    if tokens and tokens[0] in ("a", "an"):
        tokens = ["one", *tokens[1:]] if len(tokens) > 1 else ["one"]
    for token in tokens:
        value = _SMALL.get(token, _TENS.get(token))
        if value is not None:
            if value >= limit or (value == 0 and len(tokens) > 1):
                return None
            group, limit = group + value, (10 if value >= 20 else 0)
        elif token == "hundred" and 0 < group < 100:
            group, limit = group * 100, 100
        elif token in _SCALES and group and _SCALES[token] < scale_limit:
            total, group, limit, scale_limit = total + group * _SCALES[token], 0, 1000, _SCALES[token]
        elif token in _DOZENS and group and not total:
            total, group, limit = group * 12, 0, 0
        else:
            return None
    return Fraction(total + group) if tokens else None
