"""Finds cases that are copies of another for every statistic: the same replies, and the same expectation. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from promptgrid.compare.aggregate import Ints, Longs


def first_of_copies(case: Ints, variant: Ints, sample: Ints, reply_id: Longs, expected: Sequence[Hashable]) -> Ints:
    """Returns for each case the first case that is the same: itself, unless an earlier one has the same replies in all
    variants and samples, and the same expectation.

    Equal requests share a reply, so such cases are one draw: counting them twice would make intervals too narrow.
    `expected` is by case; the other arrays have an item for each cell, and `reply_id` is 0 where there is no reply.
    """
    firsts = np.arange(len(expected), dtype=np.int32)
    shared = _with_shared_replies(case, reply_id, len(expected))
    if not len(shared):
        return firsts
    cells = np.flatnonzero(np.isin(case, shared))
    replies: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    columns = (array[cells].tolist() for array in (case, variant, sample, reply_id))
    for of_case, *cell in zip(*columns, strict=True):
        replies[of_case].append((cell[0], cell[1], cell[2]))
    known: dict[Hashable, int] = {}
    for of_case in sorted(replies):
        firsts[of_case] = known.setdefault((tuple(sorted(replies[of_case])), expected[of_case]), of_case)
    return firsts


def _with_shared_replies(case: Ints, reply_id: Longs, cases: int) -> Longs:
    """Returns the cases that share a reply with another case. `case` and `reply_id` have an item for each cell; `cases`
    is the number of cases."""
    there = reply_id > 0
    pairs = np.unique(reply_id[there] * cases + case[there])
    reply, of_case = np.divmod(pairs, max(1, cases))
    known, counts = np.unique(reply, return_counts=True)
    shared: Longs = np.unique(of_case[np.isin(reply, known[counts > 1])])
    return shared


def copies_sentence(firsts: Ints) -> str:
    """Returns how many cases count only once, as a sentence; "" if none is a copy. `firsts` has for each case the first
    case that is the same, as `first_of_copies` returns it."""
    count = int(np.count_nonzero(firsts != np.arange(len(firsts))))
    are = "case is the same as an earlier one" if count == 1 else "cases are the same as earlier ones"
    return f"{count:,} {are} (request and expected answer), and counted once in scores and intervals." if count else ""
