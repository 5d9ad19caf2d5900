"""Reads digits with thousands separators and decimal marks, as different countries write them. Digits that could be two
numbers are rejected.

1,234.50 · 1.234,50 · 1 234,50 · 1'234.50 · 3,45,000 · 1_000_000. One comma or one dot before three digits is ambiguous
(thousands or decimals): the language decides.
"""

from __future__ import annotations

import re
from fractions import Fraction

DECIMAL_COMMA = frozenset(
    [
        "bg",
        "bs",
        "ca",
        "cs",
        "da",
        "de",
        "el",
        "es",
        "et",
        "eu",
        "fi",
        "fr",
        "gl",
        "hr",
        "hu",
        "hy",
        "id",
        "is",
        "it",
        "ka",
        "kk",
        "lt",
        "lv",
        "mk",
        "nb",
        "nl",
        "nn",
        "no",
        "pl",
        "pt",
        "ro",
        "ru",
        "sk",
        "sl",
        "sq",
        "sr",
        "sv",
        "tr",
        "uk",
        "vi",
    ]
)
"""Languages that write 1.234,5."""

PATTERN = r"[0-9]+(?:(?:[.,\u00a0\u2009\u202f]|[ '_](?=[0-9]{3}(?![0-9])))[0-9]+)*+"
"""Matches digits with marks between them; a plain blank, an apostrophe and _ count only before three digits."""

_BLANKS = str.maketrans("\u00a0\u2009\u202f", "   ")


def read_digits(written: str, language: str) -> Fraction | str:
    """Returns the value of digits with separators and decimal marks between them ("1,234.50"), or a text that says why
    they have none.

    `language` is the prompt's ("en", "de"; "" if unknown).
    """
    if written.isdigit():
        return Fraction(int(written))
    written = written.translate(_BLANKS)
    marks = re.sub("[0-9]", "", written)
    return _one_mark(written, marks, language) if len(marks) == 1 else _many_marks(written, marks)


def _one_mark(written: str, mark: str, language: str) -> Fraction | str:
    whole, rest = re.split(r"\D", written)
    grouped = len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    if mark in "'_ ":
        return Fraction(int(whole + rest)) if grouped else f"{written} may be two numbers"
    if not grouped or not whole:
        if mark == "," and len(rest) == 4 and 1 <= len(whole) <= 4 and not whole.startswith("0"):
            return f"{written} may be one number in groups of four, or have a decimal comma"
        return Fraction(f"{whole or '0'}.{rest}")
    short = language.partition("-")[0].lower()
    if not short:
        return f"{written} has groups or a decimal mark: the language does not say which"
    if (mark == ",") == (short in DECIMAL_COMMA):
        return Fraction(f"{whole}.{rest}")
    return Fraction(int(whole + rest))


def _many_marks(written: str, marks: str) -> Fraction | str:
    """Returns the value of digits with two or more marks between them, or the reason why they have none. A last point
    or comma that occurs only once stands before decimals; the other marks must be equal and separate groups, as in
    1,234,567 or 1.234.567,8. `marks` are all marks of the number in their order."""
    last = marks[-1]
    whole, decimals = written, ""
    if last in ".," and marks.count(last) == 1:
        whole, _, decimals = written.rpartition(last)
        marks = marks[:-1]
    pieces = re.split(r"\D", whole)
    if len(set(marks)) != 1 or not _groups(pieces, marks[0], last=bool(decimals)):
        return f"{written} is not one number"
    return Fraction(f"{''.join(pieces)}.{decimals or '0'}")


def _groups(pieces: list[str], mark: str, *, last: bool) -> bool:
    """Tells whether `pieces`, a number cut at each `mark`, are valid groups of digits: of three, of four, or (Indian)
    of two with three at the end. The first group may be shorter.

    Only commas separate groups of four and Indian ones, and there must be two or more; a single comma will do for
    groups of four if decimals follow (`last`).
    """
    first, *middle, end = pieces
    if first.startswith("0") or not first:
        return False
    if len(first) <= 3 and all(len(piece) == 3 for piece in (*middle, end)):
        return True
    if mark != "," or (not middle and not last):
        return False
    indian = len(first) <= 2 and len(end) == 3 and bool(middle) and all(len(piece) == 2 for piece in middle)
    return indian or (len(first) <= 4 and all(len(piece) == 4 for piece in (*middle, end)))
