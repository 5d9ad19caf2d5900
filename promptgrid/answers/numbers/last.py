"""Finds the number that a text ends with, or says why the last number may not be the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from promptgrid.answers.numbers.chains import chained
from promptgrid.answers.numbers.model import Numeral
from promptgrid.answers.numbers.plain import plain
from promptgrid.answers.numbers.tokens import tokens
from promptgrid.text import late

_TAIL = 400  # characters that are searched at a time, from the end, for the last sentence with a numeral
LONGEST = 20_000  # characters at the end of a text that are searched for numbers

_SENTENCE = late(r"\n|[.!?] (?=[A-Z])|[。！？]")  # numerals are joined only within one sentence
_REMARK = late(r"(?<=[\s.,;:])\((?=[^()]*[^\W\d_]{2})[^()]*\)")
_NOTE = late(r"[\W_]*(?:note|check|verification|p\.?s|confidence|注意?|备注|验算)\b", re.IGNORECASE)
_CLAUSE = late(r"[.;:!?。；！？][ \n]|[,，\n]")
_WORDS = late(r"[A-Za-z][A-Za-z -]*")
_OPERATORS = frozenset(("-", "+", "*", "/", "×", "÷", "=", "(", "- (", "+ (", "* (", "/ (", "= (", "^"))
# for 3 weeks, after 2 days, to harvest 4560 oranges: a circumstance of the number before it
_CIRCUMSTANCE = late(
    r"(?:\b(?:in|for|after|per|than|all|every|each|within|during|over|before)|\bto[ ]\w+(?:[ ](?:all|up[ ]to))*)"
    r"[ ]+(?:(?:the|all|a|about|these|those|remaining|other)[ ]+)*$",
    re.IGNORECASE,
)
_CONCLUDED = late(
    r"=|\b(?:so|thus|therefore|hence|leaves|leaving|totals?|totall?ing|sum|which is|that is|makes?|in all|result)\b"
    r"|equals?|所以|因此|共|得",
    re.IGNORECASE,
)


def last_numeral(text: str, language: str = "en") -> Numeral | None:
    """Returns the last numeral of the text (of kind "unclear" if it is not understood); None if there is none."""
    text = plain(text[-LONGEST:])
    stop = end = len(text.rstrip())
    while stop > 0:
        low = max(0, stop - _TAIL)
        starts = [match.end() for match in _SENTENCE.finditer(text, low, stop) if match.end() < stop]
        if not starts or low == 0:
            starts.insert(0, 0)
        for start in reversed(starts):
            is_statement = start < stop and not _NOTE.match(text, start)
            numerals = list(chained(tokens(text, language, start, stop), text)) if is_statement else []
            if numerals:
                return settled(aside(numerals, text), text, min(stop, end))
            stop = min(stop, start)
    return None


def aside(numerals: list[Numeral], text: str) -> list[Numeral]:
    """Drops numerals that stand in brackets, as remarks do ("12 apples (of 60)"); returns all of them if no numeral
    stands outside of brackets."""
    if "(" not in text:
        return numerals
    remarks = [match.span() for match in _REMARK.finditer(text)]
    outside = [one for one in numerals if not any(start <= one.start < end for start, end in remarks)]
    return outside or numerals


def settled(numerals: Sequence[Numeral], text: str, stop: int, *, strict: bool = False) -> Numeral:
    """Returns the last of `numerals`, those of one sentence of `text`, which ends at the index `stop`. Returns it as
    unclear if the expression that it stands in is cut off, or if it may only describe another of the numerals (see
    `_doubt`).

    With `strict`, a second numeral makes it unclear, except where one of the two only tells when or for what ("in 3
    weeks") or words between them draw a conclusion ("so 3 are left").
    """
    last = numerals[-1]
    why = _cut(last, text, stop) or (_doubt(numerals, text, strict) if len(numerals) > 1 else "")
    return replace(last, kind="unclear", value=None, why=why) if why else last


def _cut(last: Numeral, text: str, stop: int) -> str:
    behind = text[last.end : stop].strip()
    opened = text[: last.start].rstrip().endswith("(") and ")" not in behind and stop >= len(text.rstrip())
    return f"{last.text} is the beginning of an expression that is cut" if opened or behind in _OPERATORS else ""


def _doubt(numerals: Sequence[Numeral], text: str, strict: bool) -> str:
    """Returns why the last numeral may not be the answer, or "" if nothing speaks against it.

    Two reasons: it is written as a word after a number in digits in the same clause ("12 apples in four boxes"), or it
    only describes another number ("120 minutes to string all 12"). With `strict`, words of a conclusion must stand
    between the last two numerals.
    """
    last, before = numerals[-1], numerals[-2]
    between = text[before.start : last.end]
    if _WORDS.fullmatch(text, last.start, last.end) and re.match("[^ ]*[0-9]", between) and not _CLAUSE.search(between):
        return f"{between[:40]} holds two numbers"
    if not _is_circumstance(last, text) and (not strict or _CONCLUDED.search(text, before.end, last.start)):
        return ""
    free = next((one for one in reversed(numerals[:-1]) if not _is_circumstance(one, text)), None)
    return f"the last sentence holds {free.text} and {last.text}" if free is not None and free.text != last.text else ""


def _is_circumstance(numeral: Numeral, text: str) -> bool:
    return _CIRCUMSTANCE.search(text, max(0, numeral.start - 40), numeral.start) is not None
