"""Numbers in running text: 1,234.50 · $42 · 42 apples · １２ · 3/4 · 1½ · 45 % · −3 · 1.234,50 · 6.02e23."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from promptgrid.answers.patterns import SHORT, TIMEOUT_S

if TYPE_CHECKING:
    from regex import Match, Pattern

MAX_DIGITS = 400  # more is no answer but a loop of the model, and 10 ** 999999999 would never end

_VULGAR = {"½": " 1/2", "⅓": " 1/3", "⅔": " 2/3", "¼": " 1/4", "¾": " 3/4", "⅛": " 1/8"}
_FULL_WIDTH = {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}
_PLAIN = str.maketrans({**_FULL_WIDTH, **_VULGAR, "−": "-", "–": "-", "⁄": "/", "％": "%"})

# A digit right after a letter is part of a name (CO2), but scripts without spaces write numbers close to their words.
_WORD = r"\p{L}\p{N}_--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]"
_WHOLE = r"\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?:[\u00a0\u2009\u202f]\d{3})+(?!\d)|\d+"
# A sign touches its number and nothing before it: "10-12" and "5 - 3" hold none, and "- 5" is an item of a list.
_NUMBER = rf"""(?xV1)
    (?<![{_WORD}])(?<!\d\.)
    (?P<sign>(?<![)\]])[-+])? (?:[$€£¥₹][ ]?(?P<late_sign>-)?)?
    (?:
        (?P<mixed>\d{{1,9}})[ ]+(?P<of>\d{{1,9}})/(?P<by>\d{{1,9}})(?![\d/])
      | (?P<top>\d{{1,18}})[ ]?/[ ]?(?P<bottom>\d{{1,18}})(?![\d/.])
      | (?P<european>\d{{1,3}}(?:\.\d{{3}})+,\d+)(?![\d.])
      | (?P<plain>(?:{_WHOLE})(?:\.\d+)?|\.\d+)(?P<exponent>[eE][-+]?\d+(?![\p{{L}}\d]))?
    )
    (?P<percent>[ ]?%)?
"""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was read: `text` is its one spelling ("1234.5", "3/4", "45%"), `value` is exact.

    A percentage keeps its sign in `text`; its `value` is a hundredth of what stands there.
    """

    text: str
    value: Fraction
    percent: bool = False


@cache
def _pattern() -> Pattern[str]:
    import regex

    return regex.compile(_NUMBER)


def find_numbers(text: str) -> list[Number]:
    """Every number in the text, in order; digits of any script count, numbers of over 400 digits do not."""
    return [number for number in map(_number, _matches(text)) if number is not None]


def last_number(text: str) -> Number | None:
    """The last number in the text; None when there is none."""
    return next((number for number in map(_number, reversed(_matches(text))) if number is not None), None)


def last_measured(text: str, spelled: str = "") -> tuple[Number, str] | None:
    """The last number in the text (of those spelled so, if given), and the text behind it, where its unit would be."""
    for match in reversed(_matches(text)):
        number = _number(match)
        if number is not None and spelled in ("", number.text):
            return number, match.string[match.end() :]
    return None


def _matches(text: str) -> list[Match[str]]:
    try:
        return list(_pattern().finditer(_plain_digits(text), timeout=TIMEOUT_S, concurrent=len(text) > SHORT))
    except TimeoutError:
        return []


def _plain_digits(text: str) -> str:
    if text.isascii():
        return text
    plain = text.translate(_PLAIN)
    return "".join(str(unicodedata.decimal(c)) if not c.isascii() and c.isdecimal() else c for c in plain)


def _number(match: Match[str]) -> Number | None:
    if len(match.group()) > MAX_DIGITS or abs(int((match["exponent"] or "e0")[1:])) > MAX_DIGITS:
        return None
    value = _magnitude(match)
    if value is None:
        return None
    negative = (match["sign"] or "").startswith("-") or bool(match["late_sign"])
    value = -value if negative else value
    percent = bool(match["percent"])
    return Number(_spelling(value) + "%" * percent, value / 100 if percent else value, percent)


def _magnitude(match: Match[str]) -> Fraction | None:
    """The value without its sign; None for a division by zero."""
    if match["mixed"]:
        return int(match["mixed"]) + Fraction(int(match["of"]), int(match["by"])) if int(match["by"]) else None
    if match["top"]:
        return Fraction(int(match["top"]), int(match["bottom"])) if int(match["bottom"]) else None
    if match["european"]:
        return Fraction(match["european"].replace(".", "").replace(",", "."))
    digits = match["plain"].translate({ord(c): None for c in ",\u00a0\u2009\u202f"})
    return Fraction(digits + (match["exponent"] or ""))


def _spelling(value: Fraction) -> str:
    """A decimal where one ends within 12 places ("0.75" for 3/4), else a fraction, so that equal values vote alike."""
    scaled = value * 10**12
    if scaled.denominator != 1:
        return str(value)
    whole, rest = divmod(abs(scaled.numerator), 10**12)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{rest:012d}".rstrip("0").rstrip(".")
