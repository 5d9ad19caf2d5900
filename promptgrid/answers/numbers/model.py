"""What stands for a quantity in a text: a number, a whole of several numbers, or what is not understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

NumeralKind = Literal["number", "measure", "ratio", "range", "date", "root", "multiple of pi", "interval", "unclear"]

MAX_DIGITS = 400  # more is no answer but a loop of the model, and 10 ** 999999999 would never end
_MARKS = str.maketrans("", "", "-./")
BEHIND = 60  # characters behind a number in which its unit may stand


@dataclass(frozen=True, slots=True)
class Numeral:
    """A quantity as it stands in a text, `start` to `end` in its plain form (see `plain`).

    kind      "number": `value` is exact. "measure": so are 2 h 30 min, in the smaller unit, which `text` names.
              "unclear": `why` says what is not understood. All others are several numbers that mean something together
              ("3:8"); they are equal where their texts are.
    text      the one spelling: "1234.5", "3/4" is "0.75", "1/3", "45%", "3:8", "2025-03-09", "7√2"
    percent   a percentage keeps its sign in `text`; its `value` is a hundredth of what stands there
    behind    the text that follows, where a unit would be
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
        """Whether it is one number, with a value."""
        return self.value is not None


def spelling(value: Fraction) -> str:
    """A decimal where one ends ("0.75" for 3/4), else a fraction, so that equal values vote alike."""
    if value.denominator == 1:
        return str(value.numerator)
    places = _places(value.denominator)
    if places is None:
        return str(value)
    whole, rest = divmod(abs(value.numerator) * 10**places // value.denominator, 10**places)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{places}d}"


def _places(denominator: int) -> int | None:
    """How many decimals a fraction has; None where they never end, or are too many."""
    twos = (denominator & -denominator).bit_length() - 1
    rest, fives = denominator >> twos, 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    return places if rest == 1 and places <= MAX_DIGITS else None


def number(value: Fraction, *, percent: bool = False, text: str = "", start: int = 0, end: int = 0) -> Numeral:
    """The numeral of a value from `start` to `end` of a text; of a percentage it is what stands before its sign."""
    spelled = spelling(value) + "%" * percent
    behind = text[end : end + BEHIND]
    return Numeral("number", spelled, value / 100 if percent else value, percent, "", start, end, behind)


def canonical(text: str) -> Numeral | None:
    """The number whose one spelling this is ("1234.5", "1/3", "45%"); None for every other text."""
    percent = text.endswith("%")
    digits = text[:-1] if percent else text
    if len(digits) > MAX_DIGITS or not digits.isascii() or not digits.translate(_MARKS).isdigit():
        return None
    try:
        value = Fraction(digits)
    except (ValueError, ZeroDivisionError):
        return None
    found = number(value, percent=percent)
    return found if found.text == text else None
