"""A numeral: a number, several numbers with one meaning, or a quantity that is not understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

NumeralKind = Literal["number", "measure", "ratio", "range", "date", "root", "multiple of pi", "interval", "unclear"]

MAX_DIGITS = 400  # a longer number is a loop of the model, and 10 ** 999999999 would never end
_MARKS = str.maketrans("", "", "-./")
BEHIND = 60  # characters behind a number that are searched for its unit


@dataclass(frozen=True, slots=True)
class Numeral:
    """A quantity from `start` to `end` in the plain form of a text (see `plain`).

    kind      "number": `value` is exact. "measure", such as 2 h 30 min: `value` is exact, in the smaller unit, which
              `text` names. "unclear": `why` gives the reason. Every other kind is several numbers with one meaning
              ("3:8"), equal if their texts are equal.
    text      the canonical spelling: "1234.5", "0.75" for 3/4, "1/3", "45%", "3:8", "2025-03-09", "7√2"
    percent   a percentage: `text` keeps the sign, `value` is divided by 100
    behind    the text after the numeral, where a unit may stand
    """

    kind: NumeralKind
    text: str
    value: Fraction | None = None
    percent: bool = False
    why: str = ""
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)
    behind: str = field(default="", compare=False)

    @property
    def is_number(self) -> bool:
        """Tells whether the numeral has a value."""
        return self.value is not None


def spelling(value: Fraction) -> str:
    """Returns the number as a decimal if that is finite ("0.75" for 3/4), else as a fraction ("1/3"), so that equal
    values have one spelling."""
    if value.denominator == 1:
        return str(value.numerator)
    places = _places(value.denominator)
    if places is None:
        return str(value)
    whole, rest = divmod(abs(value.numerator) * 10**places // value.denominator, 10**places)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{places}d}"


def _places(denominator: int) -> int | None:
    """Returns how many decimals a fraction with this denominator has; None if its decimals never end, or are more than
    MAX_DIGITS."""
    twos = (denominator & -denominator).bit_length() - 1
    rest, fives = denominator >> twos, 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    return places if rest == 1 and places <= MAX_DIGITS else None


def number(value: Fraction, *, percent: bool = False, text: str = "", start: int = 0, end: int = 0) -> Numeral:
    """Returns a numeral with this value that stands from `start` to `end` of `text`. For a `percent`, `value` is the
    number before the sign: 45 for 45%."""
    spelled = spelling(value) + "%" * percent
    behind = text[end : end + BEHIND]
    return Numeral("number", spelled, value / 100 if percent else value, percent, "", start, end, behind)


def canonical(text: str) -> Numeral | None:
    """Returns the number if the text is its canonical spelling ("1234.5", "1/3", "45%"), else None."""
    percent = text.endswith("%")
    digits = text[:-1] if percent else text
    if len(digits) > MAX_DIGITS or not digits.isascii() or not digits.translate(_MARKS).isdigit():
        return None
    try:
        value = Fraction(digits)
    except (ValueError, ZeroDivisionError):
        return None
    numeral = number(value, percent=percent)
    return numeral if numeral.text == text else None
