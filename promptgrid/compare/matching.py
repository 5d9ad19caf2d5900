"""Matches the cases of two runs by their content and the variants of two runs by their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from promptgrid.compare.aggregate import Ints
from promptgrid.compare.axes import VARIANT, Axis, AxisValue, Head, heads
from promptgrid.compare.layouts import Layout
from promptgrid.store import Database
from promptgrid.store.cell_columns import case_texts


def contents(database: Database, layout: Layout) -> dict[Hashable, int]:
    """Returns the row of each case by a key: (its inputs and expected answer as text, the number of earlier cases with
    the same text)."""
    texts = case_texts(database, layout.facts.run_id)
    counts: Counter[str] = Counter()
    rows: dict[Hashable, int] = {}
    for row, code in enumerate(layout.case_of.tolist()):
        case = texts.get(code)
        content = repr(case and (sorted(case.inputs.items()), case.expected))
        rows[content, counts[content]] = row
        counts[content] += 1
    return rows


def matched(a: Mapping[Hashable, int], b: Mapping[Hashable, int]) -> Ints:
    """Returns an array of pairs (row in run A, row in run B) of the cases with equal keys; -1 stands for a run without
    the key. `a` and `b` map the keys of a run's cases to rows, as `contents` returns them.

    The pairs are in B's order; those that only A has come last.
    """
    pairs = [(a.get(key, -1), row) for key, row in b.items()]
    return np.array([*pairs, *((row, -1) for key, row in a.items() if key not in b)], dtype=np.int32).reshape(-1, 2)


def distinct(a: Layout, b: Layout, cases: Ints) -> Ints:
    """Returns the indices of the pairs that count in statistics: of pairs whose cases are copies of each other in both
    runs (see Facts.firsts), only the first. `cases` is the array of pairs that `matched` returns."""
    pairs = []
    for layout, rows in ((a, cases[:, 0]), (b, cases[:, 1])):
        case_of, firsts = np.append(layout.case_of, -1), np.append(layout.facts.firsts, -1)
        pairs.append(firsts[case_of[rows]])  # -1 where the run has no such case
    lines = np.unique(np.column_stack(pairs), axis=0, return_index=True)[1]
    return np.sort(lines).astype(np.int32)


def matched_columns(a: Sequence[Head], b: Sequence[Head]) -> list[tuple[int, int]]:
    """Returns pairs (column in run A, column in run B) of equal variants; -1 stands for a run without the variant.

    A version of a prompt is matched with the same version first, and the remaining versions in order. The pairs are in
    B's order; those that only A has come last.
    """
    free = dict(enumerate(a))
    matches: dict[int, int] = {}
    for axes in (VARIANT, [axis for axis in VARIANT if axis != "version"]):
        for at_b, head in enumerate(b):
            alike = (at_a for at_a, other in free.items() if all(other.values[x] == head.values[x] for x in axes))
            at_a = -1 if at_b in matches else next(alike, -1)
            if at_a >= 0:
                matches[at_b] = at_a
                del free[at_a]
    return [*((matches.get(at_b, -1), at_b) for at_b in range(len(b))), *((at_a, -1) for at_a in free)]


def pair_labels(a: Layout, b: Layout, columns: Sequence[tuple[int, int]]) -> list[str]:
    """Returns the label of each pair of columns from `matched_columns`. The prompt's version is part of it only if
    labels would be equal without it."""
    fixed = [(b.columns[at_b] if at_b >= 0 else a.columns[at_a]).values for at_a, at_b in columns]
    without: list[Mapping[Axis, AxisValue]] = [
        {axis: value for axis, value in values.items() if axis != "version"} for values in fixed
    ]
    several = len({repr(sorted(values.items())) for values in without}) < len(without)
    return [head.label for head in heads(fixed if several else without)]
