"""Reads the word or sign that multiplies the digits before it: percent, thousand, million, 万, k, × 10^6."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from promptgrid.answers.numbers import chinese
from promptgrid.answers.numbers.model import MAX_DIGITS

# size -> the words for it; magnitudes of one letter must touch the digits
_WORDS: Mapping[int, str] = {
    10**2: "hundred cent",
    12: "dozen",
    10**3: "thousand grand tausend mille mil тыс тысяч тысячи тысяча",
    10**5: "lakh lakhs lac",
    10**6: "million millions mn mln mio millionen millón millones milhão milhões milioni milione млн миллион миллиона "
    "миллионов",
    10**7: "crore crores",
    10**9: "billion billions bn milliard milliards milliarde milliarden mrd mld млрд миллиард миллиарда миллиардов",
    10**12: "trillion trillions tn trn",
}
_LONG_SCALE = frozenset(
    ["de", "fr", "es", "it", "nl", "pl", "cs", "da", "no", "nb", "nn", "sv", "fi", "hu", "hr", "sl", "sk"]
)
_TOUCHING: Mapping[str, int] = {"k": 10**3, "K": 10**3, "M": 10**6, "m": 10**6, "B": 10**9, "b": 10**9, "T": 10**12}
_PERCENT = (
    r"[ ]?%|[ ]?(?:percentage[ ]points?|percents?|per[ ]cent|pct|prozent|procent|pour[ ]?cent|por[ ]ciento|por[ ]cento|"
    r"per[ ]cento|процент[а-я]*)(?![^\W\d])|[ ]?[个個]百分[点點]"
)


@dataclass(frozen=True, slots=True)
class Magnitude:
    """The word or sign behind digits, such as "million" or "%": it multiplies them by `factor`, or makes them a
    percentage (`percent`). `end` is the index behind it."""

    factor: Fraction
    percent: bool
    end: int


@cache
def _pattern() -> re.Pattern[str]:
    words = "|".join(sorted((word for words in _WORDS.values() for word in words.split()), key=len, reverse=True))
    han = "".join(chinese.MAGNITUDES)
    return re.compile(
        rf"""(?xi)
        (?:[ ]?[×x*·][ ]?10[ ]?(?:\^|\*\*)[ ]?\{{?[ ]?(?P<ten>[-+]?[0-9]{{1,4}})(?![0-9])[ ]?\}}?)?
        (?:(?P<percent>{_PERCENT})|(?P<mille>[ ]?‰)
          |[ ]?(?:(?P<han>(?![千兆][米克瓦伏卡帕赫焦字])[{han}]{{1,4}})|(?P<word>{words})(?:\.(?=[ ]|$))?(?![^\W\d]))
          |(?P<letter>(?-i:[kKmMbBT]))(?![^\W_]))?
        """
    )


@cache
def _sizes() -> Mapping[str, int]:
    return {word: size for size, words in _WORDS.items() for word in words.split()}


def magnitude_at(text: str, at: int, *, money: bool, language: str) -> Magnitude | None:
    """Returns the magnitude (percent, thousand, million …) behind the digits that end at the index `at`, or None. With
    `money`, a currency stands before the digits: only then does a single letter such as M count (k always does).
    `language` is the prompt's."""
    match = _pattern().match(text, at)
    if match is None or match.end() == at:
        return None
    factor, end, percent = Fraction(1), match.end(), bool(match["percent"])
    if match["ten"]:
        exponent = int(match["ten"])
        if abs(exponent) > MAX_DIGITS:
            return None
        factor *= Fraction(10) ** exponent
    if match["mille"]:
        factor /= 1000
    for c in match["han"] or "":
        factor *= chinese.MAGNITUDES[c]
    if match["word"]:
        factor *= _word_size(match["word"].lower(), language)
    if letter := match["letter"]:
        if letter != "k" and not money:
            return Magnitude(factor, percent, match.start("letter")) if match["ten"] else None
        factor *= _TOUCHING[letter]
    return Magnitude(factor, percent, end)


def _word_size(word: str, language: str) -> int:
    if word in ("billion", "trillion") and language.partition("-")[0].lower() in _LONG_SCALE:
        return {"billion": 10**12, "trillion": 10**18}[word]
    return _sizes()[word]
