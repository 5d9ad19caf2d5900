"""Reads citations out of a reply: numbers in brackets, such as [1], [2, 3], [1–3], [1]-[3] or 【1】."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_IN_A_RANGE = 100  # a range of more passages than a prompt shows is no citation
_NUMBER = r"\d{1,3}"
_DASH = r"\s?[-‐‑–−～~至到]\s?"
_ITEM = rf"{_NUMBER}(?:{_DASH}{_NUMBER})?"
_BETWEEN = r"\s*(?:[,，、;；&和与及]|and)\s*"
_OPEN, _CLOSE = r"[\[【［〔]\s*", r"\s*[\]】］〕]"
_ITEMS = re.compile(_ITEM)
_REMARK = r"[^\[\]【】［］〔〕\n]{0,40}"
_CITATION = re.compile(
    rf"{_OPEN}(?P<first>{_NUMBER}){_CLOSE}{_DASH}{_OPEN}(?P<last>{_NUMBER}){_CLOSE}"
    rf"|{_OPEN}(?P<items>{_ITEM}(?:{_BETWEEN}{_ITEM})*){_CLOSE}"
    rf"|{_OPEN}{_REMARK}?(?<![\d.,:]){_NUMBER}(?!\d|[.,:]\d){_REMARK}{_CLOSE}"
)


@dataclass(frozen=True, slots=True)
class Citation:
    """What is cited at the characters from `start` up to `end` of a reply, the brackets included if it stands in them
    alone: one number, or those of a range, ascending. No `numbers`: a number stands in the brackets, but the citation
    is not understood."""

    numbers: tuple[int, ...]
    start: int
    end: int


def citations(text: str) -> Iterator[Citation]:
    """Yields the citations in the text, in order, those included that are not understood (`[3-1]`, `[see 2]`). `[1, 2]`
    are two; a number without brackets, or of four digits, is none."""
    for match in _CITATION.finditer(text):
        items = list(_ITEMS.finditer(text, match.start("items"), match.end("items"))) if match["items"] else []
        if len(items) > 1:
            yield from (Citation(_numbers(item[0]), item.start(), item.end()) for item in items)
        else:
            known = f"{match['first']}-{match['last']}" if match["first"] else match["items"] or ""
            yield Citation(_numbers(known), match.start(), match.end())


def _numbers(item: str) -> tuple[int, ...]:
    """Returns the number in the text, or all of the range that it names; () without one, or if it is no range."""
    ends = [int(number) for number in re.findall(_NUMBER, item)]
    return tuple(range(ends[0], ends[-1] + 1)) if ends and ends[0] <= ends[-1] < ends[0] + MOST_IN_A_RANGE else ()
