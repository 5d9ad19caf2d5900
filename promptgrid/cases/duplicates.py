"""Which cases of a table are copies or near duplicates of an earlier one.

Near: every text in which both have four words or more has at least 7 of 10 of its words, and pairs of words that follow
each other, in common (Jaccard), and holds the same numbers: `60 km in 2 hours` and `60 km in 3 hours` differ.
Shorter cells (ids, dates, categories) do not count beside such a text; without one only copies are duplicates. Of a
text of more than 256 words and pairs, 256 by their checksums are compared.

All pairs above the threshold are met without comparing all: two such sets share one of their rarest members (R. Bayardo
et al., "Scaling up all pairs similarity search", 2007). Which order the members have changes the time only.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

from promptgrid.cases.table import Case

NEAR = 0.7
_IDS = ("id", "case_id")
_WORDS_OF_A_TEXT, _MEMBERS = 4, 256
_WORD = re.compile(r"[㐀-鿿぀-ヿ]|[^\W_㐀-鿿぀-ヿ]+|[^\w\s.,;:!?'\"…。，、；：！？“”‘’()\[\]_-]")

_Member = tuple[str, ...]
"""A column and a word of it, or two words that follow each other."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An earlier case that a case repeats: `of` is its index in the table; `copy` tells whether it is the same, not
    just nearly."""

    of: int
    copy: bool


@dataclass(frozen=True, slots=True)
class _Texts:
    """The words and word pairs (members) of a case's longer texts, as numbers, by column and all together; `numbers`
    holds the numerals in each column."""

    columns: Mapping[str, frozenset[int]]
    numbers: Mapping[str, frozenset[str]]
    members: frozenset[int]


def duplicates(cases: Sequence[Case], *, near: bool = True) -> dict[int, Duplicate]:
    """Returns, by index of a case, the earliest case that it is a copy of or, with `near`, otherwise a near duplicate
    of. Cases without one are left out. Rows added at the end change no earlier entry."""
    first: dict[str, int] = {}
    copies = {}
    for place, case in enumerate(cases):
        earliest = first.setdefault(content(case), place)
        if earliest != place:
            copies[place] = Duplicate(earliest, copy=True)
    if not near:
        return copies
    codes = defaultdict[_Member, int](count().__next__)  # sets of numbers are compared faster than sets of texts
    texts = {place: _texts(cases[place], codes) for place in first.values()}
    return copies | {place: Duplicate(of, copy=False) for place, of in _near(texts).items()}


def content(case: Case) -> str:
    """Returns the case's inputs as a text that is equal for copies: without ids, and whatever the capitals, the width
    of characters and the spaces."""
    return json.dumps({name: plain_text(value) for name, value in sorted(_inputs(case).items())})


def plain_text(value: Any) -> str:
    """Returns a value as a text in which capitals, the width of characters and spaces make no difference."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _inputs(case: Case) -> dict[str, Any]:
    return {
        name: value for name, value in case.inputs.items() if name.casefold() not in _IDS and value not in ("", None)
    }


def _texts(case: Case, codes: Mapping[_Member, int]) -> _Texts:
    columns, numbers = {}, {}
    for name, value in _inputs(case).items():
        words = _WORD.findall(plain_text(value))
        if len(words) >= _WORDS_OF_A_TEXT:
            pairs = pairwise(words)
            members = {*((name, word) for word in words), *((name, *pair) for pair in pairs)}
            columns[name] = frozenset(codes[member] for member in _sketch(members))
            numbers[name] = frozenset(word for word in words if any(map(str.isdecimal, word)))
    return _Texts(columns, numbers, frozenset().union(*columns.values()))


def _sketch(members: Collection[_Member]) -> Collection[_Member]:
    def checksum(member: _Member) -> tuple[int, _Member]:
        return zlib.crc32("\0".join(member).encode("utf-8", "replace")), member

    return members if len(members) <= _MEMBERS else sorted(members, key=checksum)[:_MEMBERS]


def _near(texts: Mapping[int, _Texts]) -> dict[int, int]:
    """Returns, by index of a case, the index of the earliest case of which it is a near duplicate; `texts` is
    by index."""
    frequency = Counter(member for one in texts.values() for member in one.members)
    places: defaultdict[int, list[int]] = defaultdict(list)
    near = {}
    for place, mine in texts.items():
        ordered = sorted(mine.members, key=lambda member: (frequency[member], member))
        rarest = ordered[: len(ordered) - math.ceil(NEAR * len(ordered)) + 1]
        earliest = _earliest(place, mine, texts, [places[member] for member in rarest])
        if earliest != place:
            near[place] = earliest
        for member in rarest:
            places[member].append(place)
    return near


def _earliest(place: int, mine: _Texts, texts: Mapping[int, _Texts], candidates: Sequence[Sequence[int]]) -> int:
    """Returns the index of the earliest candidate that is a near duplicate of the case at `place` (its texts are
    `mine`); `place` if none is. Each list of candidates is in ascending order."""
    earliest, different = place, set[int]()
    for places in candidates:
        for other in places:
            if other >= earliest:
                break
            if other in different:
                continue
            if _alike(mine, texts[other]):
                earliest = other
                break
            different.add(other)
    return earliest


def _alike(a: _Texts, b: _Texts) -> bool:
    if min(len(a.members), len(b.members)) < NEAR * max(len(a.members), len(b.members)):
        return False
    if a.columns.keys() != b.columns.keys() or a.numbers != b.numbers:
        return False
    return all(_overlap(members, b.columns[name]) >= NEAR for name, members in a.columns.items())


def _overlap(a: frozenset[int], b: frozenset[int]) -> float:
    common = len(a & b)
    return common / (len(a) + len(b) - common)
