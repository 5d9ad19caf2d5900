"""Reads the single numerals of a text, each with the signs, units and letters that touch it."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from promptgrid.answers.numbers import chinese, decimals, english
from promptgrid.answers.numbers.magnitudes import magnitude_at
from promptgrid.answers.numbers.model import BEHIND, MAX_DIGITS, Numeral, number
from promptgrid.answers.numbers.running import counts_in_chinese, counts_in_english
from promptgrid.answers.numbers.touching import Before, after, before, glued

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    "(?-i:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    "Nov(?:ember)?|Dec(?:ember)?)"
)
_FRACTION = re.compile(r"[ ]?/[ ]?([0-9]{1,18})(?![0-9/]|[.,][0-9]|[ ]?/)")
_MIXED = re.compile(r"(?:[ ]+|[ ]?-[ ]?|[ ]+and[ ]+)([0-9]{1,9})/([0-9]{1,9})(?![0-9/]|[.,][0-9])")
_CHINESE_FRACTION = re.compile(r"[ ]?分之[ ]?([0-9]{1,18})(?![0-9.,]*[0-9])")
_REPEATED = re.compile(
    r"(?P<whole>[0-9]{1,18})\.(?P<fixed>[0-9]{0,20}?)"
    r"(?:\((?P<block>[0-9]{1,20})\)|(?P<again>[0-9]{1,6}?)(?P=again){2,20}(?:\.\.\.|…))"
)
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]{1,4})(?!\w|\.[0-9])")
_POWER = re.compile(r"[ ]?(?:\^|\*\*)[ ]?\{?([-+]?[0-9]{1,3})(?![0-9])\}?")
_PI = re.compile(r"[ ]?[×*·]?[ ]?(?:π|pi(?![a-zA-Z]))")
_BELOW_ZERO = re.compile(r"[ ]?(?:°[CF]?|degrees?(?:[ ](?:celsius|fahrenheit))?)?[ ]below[ ]zero", re.IGNORECASE)


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(
        rf"""(?xi)
        (?P<iso>(?<![0-9])[0-9]{{4}}(?P<mark>[-/.])[0-9]{{1,2}}(?P=mark)[0-9]{{1,2}}(?![0-9]|(?P=mark)[0-9]))
      | (?P<date>(?<![0-9])[0-9]{{1,2}}(?P<dot>[-/.])[0-9]{{1,2}}(?P=dot)[0-9]{{4}}(?![0-9])
          | (?<![^\W_]){_MONTH}[ ][0-9]{{1,2}}(?:st|nd|rd|th)?(?:,?[ ][0-9]{{4}})?(?![0-9,.]?[0-9])
          | [0-9]{{1,2}}(?:st|nd|rd|th)?[ ](?:of[ ])?(?<![^\W_]){_MONTH}(?![^\W_])(?:,?[ ][0-9]{{4}}(?![0-9]))?)
      | (?P<chinese>[0-9]{{4}}年[0-9]{{1,2}}月(?:[0-9]{{1,2}}[日号])?|[0-9]{{1,2}}月[0-9]{{1,2}}[日号])
      | (?P<root>(?:(?P<times>[0-9]{{1,18}})[ ]?[×*·]?[ ]?)?(?:√|\bsqrt)[ ]?[({{]?(?P<of>[0-9]{{1,18}})[)}}]?
          (?![0-9.,]*[0-9]))
      | (?P<digits>{decimals.PATTERN}|(?<![^\W_])(?<![.])\.[0-9]+)
      | (?P<words>(?<![^\W_]){english.PATTERN}(?![^\W_]))
      | (?P<han>{chinese.PATTERN})
        """
    )


def tokens(text: str, language: str, start: int = 0, stop: int = sys.maxsize) -> Iterator[Numeral]:
    """Yields every single numeral of a text in plain notation (see `plain`), from index `start` to `stop`; digits in
    names (CO2) and footnote marks are skipped. `language` is the prompt's."""
    at, search = start, _pattern().search
    while match := search(text, at, stop):
        numeral = _READERS[match.lastgroup if match.lastgroup in _READERS else _kind(match)](match, text, language)
        at = max(match.end(), numeral.end) if numeral is not None else match.end()
        if numeral is not None:
            yield numeral


def _kind(match: re.Match[str]) -> str:
    return next(kind for kind in _READERS if match[kind])


def unclear(text: str, start: int, end: int, why: str) -> Numeral:
    """Returns a numeral of kind "unclear" for the text from `start` to `end`; `why` ends the sentence "12x is …"."""
    written = " ".join(text[start:end].split())[:40]
    return Numeral(
        "unclear",
        written,
        why=f"{written} is {why}" if not why.startswith(written) else why,
        start=start,
        end=end,
        behind=text[end : end + BEHIND],
    )


def _digits(match: re.Match[str], text: str, language: str) -> Numeral | None:
    written, start, end = match["digits"], match.start(), match.end()
    left = before(text, start)
    if left.name:
        return None
    if _footnote(text, start, end) or _enumerates(text, start, end):
        return None
    if repeated := _REPEATED.match(text, start):
        return _finished(text, left, _repeating(repeated), repeated.end(), language, whole=False)
    if len(written) > MAX_DIGITS:
        return unclear(text, start, end, "too long for a number")
    value = decimals.read_digits(written, language)
    if isinstance(value, str):
        return unclear(text, left.start, end, value) if written != value else None
    return _finished(text, left, value, end, language, whole=written.isdigit())


def _repeating(match: re.Match[str]) -> Fraction:
    """Returns the exact value of a repeating decimal: 0.1(6) and 0.1666… are 1/6. The groups of `match` are the digits
    before the point (`whole`), those that do not repeat (`fixed`), and those that do (`block` or `again`)."""
    whole, fixed, block = match["whole"], match["fixed"] or "", match["block"] or match["again"]
    tail = Fraction(int(block), (10 ** len(block) - 1) * 10 ** len(fixed))
    return Fraction(f"{whole}.{fixed or 0}") + tail


def _finished(text: str, left: Before, value: Fraction, end: int, language: str, *, whole: bool) -> Numeral:
    """Returns the numeral for digits with this `value` that end at `end`; `left` describes the text before them. A
    magnitude or exponent behind the digits is applied, and with `whole` (the digits have no decimals) a fraction or
    power, too. The numeral is unclear if other text touches the digits."""
    start, why, percent = left.start, left.why, False
    if whole and (part := _MIXED.match(text, end)) and int(part[2]) and int(part[1]) < int(part[2]):
        value, end = value + Fraction(int(part[1]), int(part[2])), part.end()
    elif whole and (part := _CHINESE_FRACTION.match(text, end)) and value:
        value, end = int(part[1]) / value, part.end()
    elif whole and (part := _FRACTION.match(text, end)):
        if not int(part[1]):
            return unclear(text, start, part.end(), "divided by zero")
        value, end = value / int(part[1]), part.end()
    elif power := _EXPONENT.match(text, end):
        if abs(int(power[1])) > MAX_DIGITS:
            return unclear(text, start, power.end(), "too large")
        value, end = value * Fraction(10) ** int(power[1]), power.end()
    elif whole and (power := _POWER.match(text, end)):
        if value.numerator == 0 or math.log10(value.numerator) * abs(int(power[1])) > MAX_DIGITS:
            return unclear(text, start, power.end(), "a power that is too large")
        value, end = value ** int(power[1]), power.end()
    value, end, percent = _multiplied(text, value, end, language, money=left.money)
    if text.startswith("个半", end):
        value, end = value + Fraction(1, 2), end + 2
    negative = left.negative
    if below := _BELOW_ZERO.match(text, end):
        negative, end = True, below.end()
    if pi := _PI.match(text, end):
        sign = "-" * negative
        return Numeral("multiple of pi", f"{sign}{number(value).text}π", start=start, end=pi.end())
    why = why or after(text, end)
    if why:
        return unclear(text, start, end, why)
    return number(-value if negative else value, percent=percent, text=text, start=start, end=end)


def _multiplied(text: str, value: Fraction, end: int, language: str, *, money: bool) -> tuple[Fraction, int, bool]:
    """Returns (value, end, percent) of a number that ends at `end`, after the magnitude behind it (percent, million) is
    applied. In 3万5千 a smaller part follows, which is added: 35,000. `money`: a currency stands before."""
    magnitude = magnitude_at(text, end, money=money, language=language)
    if magnitude is None:
        return value, end, False
    value, end = value * magnitude.factor, magnitude.end
    if magnitude.factor >= 1000 and text[end - 1] in chinese.MAGNITUDES:
        rest = re.compile(r"([0-9]{1,4})([千百十万])").match(text, end)
        if rest and int(rest[1]) * chinese.MAGNITUDES[rest[2]] < magnitude.factor:
            return value + int(rest[1]) * chinese.MAGNITUDES[rest[2]], rest.end(), False
    return value, end, magnitude.percent


def _words(match: re.Match[str], text: str, language: str) -> Numeral | None:
    start, end = match.start(), match.end()
    if not counts_in_english(text, start, end):
        return None
    left = before(text, start)
    value = english.read_words(match["words"])
    if value is None:
        return unclear(text, start, end, "more than one number")
    value, end, percent = _multiplied(text, value, end, language, money=False)
    negative = left.negative or _BELOW_ZERO.match(text, end) is not None
    return number(-value if negative else value, percent=percent, text=text, start=left.start, end=end)


def _han(match: re.Match[str], text: str, language: str) -> Numeral | None:
    start, end = match.start(), match.end()
    if start and text[start - 1].isdigit() and (parts := re.search(r"([0-9]+)分之$", text[:start])):
        return unclear(text, parts.start(), end, "not understood")  # 3分之一
    if start and text[start - 1].isdigit():
        return unclear(text, start - 1, end, "digits and characters")
    if not counts_in_chinese(text, start, end):
        return None
    reading = chinese.read_characters(match["han"])
    if reading is None:
        return unclear(text, start, end, "not one number")
    left = before(text, start)
    value, percent = reading
    if text.startswith("个半", end):
        value, end = value + Fraction(1, 2), end + 2
    return number(-value if left.negative else value, percent=percent, text=text, start=left.start, end=end)


def _root(match: re.Match[str], text: str, language: str) -> Numeral | None:
    left = before(text, match.start())
    if left.name:
        return None
    why = left.why or after(text, match.end())
    if why:
        return unclear(text, left.start, match.end(), why)
    times, of = int(match["times"] or 1), int(match["of"])
    root = math.isqrt(of)
    sign = "-" if left.negative else ""
    if root * root == of:
        return number(Fraction(int(f"{sign}1") * times * root), text=text, start=left.start, end=match.end())
    return Numeral("root", f"{sign}{times if times != 1 else ''}√{of}", start=left.start, end=match.end())


def _date(match: re.Match[str], text: str, language: str) -> Numeral | None:
    if match.start() and (glued(text[match.start() - 1]) or text[match.start() - 1] in "-/."):
        return unclear(text, match.start(), match.end(), "not understood")
    written = " ".join(match.group().split()).lower()
    numbers = re.findall("[0-9]+", written)
    if match["iso"] or (match["chinese"] and len(numbers) == 3):
        written = f"{numbers[0]}-{int(numbers[1]):02d}-{int(numbers[2]):02d}"
    elif month := re.search("[a-z]{3,}", written.replace("of", "")):
        day, *year = numbers
        at = f"{_MONTHS.index(month.group()[:3]) + 1:02d}-{int(day):02d}"
        written = f"{year[0]}-{at}" if year else at
    return Numeral("date", written, start=match.start(), end=match.end())


_READERS = {
    "iso": _date, "date": _date, "chinese": _date, "root": _root, "digits": _digits, "words": _words, "han": _han,
}  # fmt: skip


def _footnote(text: str, start: int, end: int) -> bool:
    """Tells whether the digits from `start` to `end` are a footnote mark, such as [2] behind a word."""
    if text[start - 1 : start] not in ("[", "^") or text[end : end + 1] != "]":
        return False
    return bool(text[: start - 1].rpartition("\n")[2].strip(" [*_#>-"))


def _enumerates(text: str, start: int, end: int) -> bool:
    """Tells whether the digits from `start` to `end` only number a line or step of a list: "1. ", "2) ", "Step 3:"."""
    low = text.rfind("\n", 0, start) + 1
    lead = text[low:start].strip(" *_#>-(").lower()
    if lead in ("step", "case", "question", "q", "problem", "figure", "table", "section") and end - start <= 2:
        return text[end : end + 1] in (":", ".", ")") and bool(text[end + 1 :].strip())
    if lead or end - start > 2 or not re.compile(r"[.)]\s+\S").match(text, end):
        return False
    count = int(text[start:end])
    return count == 1 or re.search(rf"(?m)^[ *_#>(-]*{count - 1}[.)]", text[:low]) is not None
