"""Numbers in text, in the notations of people, spreadsheets, LaTeX and models; what is not understood is unclear.

A text is first put into plain notation (`plain`), then read from left to right (`tokens`); numerals that stand together
are one (`chains`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from promptgrid.answers.numbers.chains import chained
from promptgrid.answers.numbers.model import Numeral, NumeralKind, canonical
from promptgrid.answers.numbers.plain import plain
from promptgrid.answers.numbers.tokens import tokens

__all__ = [
    "Numeral",
    "NumeralKind",
    "aside",
    "canonical",
    "find_numerals",
    "last_numeral",
    "numerals_of_plain",
    "plain",
]

_LONGEST = 20_000  # characters at the end of a text in which numbers are looked for
_OPERATORS = frozenset(("-", "+", "*", "/", "×", "÷", "=", "(", "- (", "+ (", "* (", "/ (", "= (", "^"))
_SENTENCE = re.compile(r"\n|[.!?] (?=[A-Z])|[。！？]")  # numerals stand together in one sentence alone
_REMARK = re.compile(r"(?<=[\s.,;:])\((?=[^()]*[^\W\d_]{2})[^()]*\)")
_CLAUSE = re.compile(r"[.;:!?。；！？][ \n]|[,，\n]")


def find_numerals(text: str, language: str = "en") -> list[Numeral]:
    """Every numeral in the text, in order. `language` is the prompt's: it says what 1.234 is where it may be two."""
    return numerals_of_plain(plain(text[-_LONGEST:]), language)


def numerals_of_plain(text: str, language: str) -> list[Numeral]:
    """The same of a text that is in plain notation already."""
    return list(chained(tokens(text, language), text))


def last_numeral(text: str, language: str = "en") -> Numeral | None:
    """The last numeral of the text: a number, or what is not understood in its place; None where there is none."""
    text = plain(text[-_LONGEST:])
    starts = [0, *(match.end() for match in _SENTENCE.finditer(text))]
    stop = len(text.rstrip())
    for start in reversed(starts):
        found = list(chained(tokens(text, language, start, stop), text)) if start < stop else []
        if found:
            return _doubted(aside(found, text), text, stop)
        stop = min(stop, start)
    return None


def aside(found: list[Numeral], text: str) -> list[Numeral]:
    """The numerals without those of remarks in brackets ("12 apples (of 60)"); all of them where no other is left."""
    if "(" not in text:
        return found
    remarks = [match.span() for match in _REMARK.finditer(text)]
    kept = [one for one in found if not any(start <= one.start < end for start, end in remarks)]
    return kept or found


def _doubted(found: list[Numeral], text: str, stop: int) -> Numeral:
    """The last one; unclear where a word comes behind digits in one clause ("12 apples in four boxes"), and where the
    text is cut in an expression."""
    last, behind = found[-1], text[found[-1].end : stop].strip()
    why = ""
    opened = text[: last.start].rstrip().endswith("(") and ")" not in behind
    if behind in _OPERATORS or (opened and stop >= len(text.rstrip())):
        why = f"{last.text} is the beginning of an expression that is cut"
    elif len(found) > 1 and last.is_number and text[last.start : last.end].isalpha():
        before = text[found[-2].start : last.end]
        if not _CLAUSE.search(before) and re.match("[^ ]*[0-9]", before):
            why = f"{before[:40]} holds two numbers"
    return replace(last, kind="unclear", value=None, why=why) if why else last
