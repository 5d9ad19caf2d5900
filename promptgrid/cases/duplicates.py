"""Which cases of a table are copies or near duplicates of an earlier one.

Near: every text in which both have four words or more has at least 7 of 10 of its words, and pairs of words that follow
each other, in common (Jaccard), and holds the same numbers: `60 km in 2 hours` and `60 km in 3 hours` differ.
Shorter cells (ids, dates, categories) do not count beside such a text; without one only copies are duplicates. Of a
text of more than 256 words and pairs, the 256 with the lowest hashes are compared.

All pairs above the threshold are met without comparing all: two such sets share one of their rarest members (R. Bayardo
et al., "Scaling up all pairs similarity search", 2007). Members are hashes of 64 bits; those of cases whose columns or
numbers differ have nothing in common, so that such cases never meet.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from promptgrid.cases.table import Case
from promptgrid.compact import NumberMap, hash64
from promptgrid.text import late

NEAR = 0.7
PROPOSED_BY = "proposed_by"
"""The column with the model that proposed a case, which a person has accepted; empty for any other case."""
_NO_CONTENT = ("id", "case_id", PROPOSED_BY)
_WORDS_OF_A_TEXT, _MEMBERS = 4, 256
_WORD = late(r"[㐀-鿿぀-ヿ]|[^\W_㐀-鿿぀-ヿ]+|[^\w\s.,;:!?'\"…。，、；：！？“”‘’()\[\]_-]")
_PAIR = 0x9E3779B97F4A7C15  # odd: a pair in the other order is another member

if TYPE_CHECKING:  # imported late: a table of short cells needs no arrays
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An earlier case that a case repeats: `of` is its index in the table; `copy` tells whether it is the same, not
    just nearly."""

    of: int
    copy: bool


@dataclass(frozen=True, slots=True)
class _Texts:
    """The longer texts of a case. `columns` has an array for each column with such a text, sorted by the column's name:
    the hashes of the text's words and word pairs (its members). `kind` is a hash of the names of these columns and of
    the numerals in each."""

    columns: Sequence[Hashes]
    kind: int

    @property
    def members(self) -> Hashes:
        """The members of all columns in one array. Each hash is combined with the index of its column and the `kind`,
        so that two cases share a member only if it is in the same column and their kinds are equal."""
        import numpy as np

        salts = [np.uint64(_hash(f"{self.kind} {at}")) for at in range(len(self.columns))]
        salted = [members ^ salt for members, salt in zip(self.columns, salts, strict=True)]
        return np.concatenate(salted) if salted else np.empty(0, dtype=np.uint64)


def duplicates(
    cases: Sequence[Case], of_first: int | None = None, hashes: Iterable[int] | None = None
) -> dict[int, Duplicate]:
    """Returns, by index of a case, the earliest case of which it is a copy, or else a near duplicate. Cases without one
    are left out. Rows added at the end change no earlier entry. With `of_first` = n, a near duplicate counts only if
    the earlier case is one of the first n, which takes less time. `hashes` are 64-bit hashes of the cases' contents, if
    the caller has them."""
    first, copies = NumberMap(), {}
    places, texts = array("q"), []
    hashes = (hash64(content(case).encode()) for case in cases) if hashes is None else hashes
    for place, (case, number) in enumerate(zip(cases, hashes, strict=True)):
        earliest = first.setdefault(number, place)
        if earliest == place:
            places.append(place)
            texts.append(_texts(case))
        else:
            copies[place] = Duplicate(earliest, copy=True)
    early = len(places) if of_first is None else sum(place < of_first for place in places)
    pairs = _near(texts, early)
    return copies | {places[at]: Duplicate(places[of], copy=False) for at, of in pairs.items()}


def content(case: Case) -> str:
    """Returns the case's inputs, without its id and the model that proposed it, as a text that is equal for copies:
    capitals, the width of characters and spaces make no difference."""
    return json.dumps({name: plain_text(value) for name, value in sorted(_inputs(case).items())})


def plain_text(value: Any) -> str:
    """Returns a value as a text in which capitals, the width of characters and spaces make no difference."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _inputs(case: Case) -> dict[str, Any]:
    known = {name: value for name, value in case.inputs.items() if value not in ("", None)}
    return {name: value for name, value in known.items() if name.casefold() not in _NO_CONTENT}


def _texts(case: Case) -> _Texts:
    columns, numbers = [], []
    for name, value in sorted(_inputs(case).items()):
        words = _WORD.findall(plain_text(value))
        if len(words) >= _WORDS_OF_A_TEXT:
            columns.append(_members(words))
            numbers.append((name, sorted({word for word in words if any(map(str.isdecimal, word))})))
    return _Texts(columns, _hash(repr(numbers))) if columns else _NO_TEXTS


_NO_TEXTS = _Texts((), 0)


def _members(words: Collection[str]) -> Hashes:
    """Returns the sorted 64-bit hashes of the words and of the pairs of adjacent words: at most 256, the lowest."""
    import numpy as np

    hashes = np.fromiter(map(_hash, words), dtype=np.uint64, count=len(words))
    return np.unique(np.concatenate([hashes, hashes[:-1] * np.uint64(_PAIR) + hashes[1:]]))[:_MEMBERS]


@lru_cache(maxsize=100_000)
def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _near(texts: Sequence[_Texts], early: int) -> dict[int, int]:
    """Returns, by index of a text, the index of the earliest text that is nearly the same. Only the first `early` texts
    are candidates; a text without one is left out."""
    sizes = [sum(map(len, one.columns)) for one in texts]
    places: defaultdict[int, list[int]] = defaultdict(list)
    near = {}
    for at, members in _rarest(texts, sizes):
        earliest = _earliest(at, texts, sizes, [places[member] for member in members])
        if earliest != at:
            near[at] = earliest
        for member in members if at < early else ():
            places[member].append(at)
    return near


def _rarest(texts: Sequence[_Texts], sizes: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Yields (index of a text, its rarest members, numbered), by index. These are so chosen that two texts that are
    nearly the same share at least one of them, so only texts that share one need to be compared. Members that occur in
    one text only are left out. `sizes` has the number of members of each text."""
    if not sum(sizes):
        return
    import numpy as np

    count = np.array(sizes)
    owner = np.repeat(np.arange(len(texts)), count)
    _, member, frequencies = np.unique(
        np.concatenate([one.members for one in texts]), return_inverse=True, return_counts=True
    )
    frequency = frequencies[member]
    order = np.lexsort((member, frequency, owner))
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    enough = np.repeat(count - np.ceil(NEAR * count - 1e-9).astype(np.int64) + 1, count)
    rare = order[(rank < enough) & (frequency[order] > 1)]
    pairs = zip(owner[rare].tolist(), member[rare].tolist(), strict=True)
    for at, group in groupby(pairs, key=lambda pair: pair[0]):
        yield at, [number for _, number in group]


def _earliest(at: int, texts: Sequence[_Texts], sizes: Sequence[int], candidates: Sequence[Sequence[int]]) -> int:
    """Returns the index of the earliest text that is nearly the same as the text with the index `at`; `at` if none is.
    `candidates` are lists of indices of texts, each in ascending order; `sizes` are the numbers of members of the
    texts."""
    mine = [set(members.tolist()) for members in texts[at].columns]
    least, most = NEAR * sizes[at], sizes[at] / NEAR
    earliest, different = at, set[int]()
    for places in candidates:
        for other in places:
            if other >= earliest:
                break
            if other in different or not least <= sizes[other] <= most:
                continue
            if all(_overlap(a, b) >= NEAR for a, b in zip(mine, texts[other].columns, strict=True)):
                earliest = other
                break
            different.add(other)
    return earliest


def _overlap(a: set[int], b: Hashes) -> float:
    common = len(a.intersection(b.tolist()))
    return common / (len(a) + len(b) - common)
