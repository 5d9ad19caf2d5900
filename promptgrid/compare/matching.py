"""What of one run belongs to what of another: cases by what they say, variants by what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from promptgrid.compare.aggregate import Ints
from promptgrid.compare.axes import VARIANT, Axis, AxisValue, Head, heads
from promptgrid.compare.layouts import Layout
from promptgrid.store import Database
from promptgrid.store.cell_columns import case_texts


def contents(database: Database, laid: Layout) -> dict[Hashable, int]:
    """The row of each case by what it says, the second of two that say the same apart from the first."""
    texts = case_texts(database, laid.facts.run_id)
    seen: Counter[str] = Counter()
    rows: dict[Hashable, int] = {}
    for row, code in enumerate(laid.case_of.tolist()):
        case = texts.get(code)
        said = repr(case and (sorted(case.inputs.items()), case.expected))
        rows[said, seen[said]] = row
        seen[said] += 1
    return rows


def matched(a: Mapping[Hashable, int], b: Mapping[Hashable, int]) -> Ints:
    """(row in A, row in B) of everything that is in either, -1 where it is not; in B's order, what only A has last."""
    pairs = [(a.get(key, -1), row) for key, row in b.items()]
    return np.array([*pairs, *((row, -1) for key, row in a.items() if key not in b)], dtype=np.int32).reshape(-1, 2)


def matched_columns(a: Sequence[Head], b: Sequence[Head]) -> list[tuple[int, int]]:
    """The same of columns. Of several versions of a prompt each is matched with itself, then what is left in order."""
    free = dict(enumerate(a))
    found: dict[int, int] = {}
    for axes in (VARIANT, [axis for axis in VARIANT if axis != "version"]):
        for at_b, head in enumerate(b):
            alike = (at_a for at_a, other in free.items() if all(other.values[x] == head.values[x] for x in axes))
            at_a = -1 if at_b in found else next(alike, -1)
            if at_a >= 0:
                found[at_b] = at_a
                del free[at_a]
    return [*((found.get(at_b, -1), at_b) for at_b in range(len(b))), *((at_a, -1) for at_a in free)]


def pair_labels(a: Layout, b: Layout, columns: Sequence[tuple[int, int]]) -> list[str]:
    """What tells the variants apart; the version only where a prompt is there in several."""
    found = [(b.columns[at_b] if at_b >= 0 else a.columns[at_a]).values for at_a, at_b in columns]
    without: list[Mapping[Axis, AxisValue]] = [
        {axis: value for axis, value in values.items() if axis != "version"} for values in found
    ]
    several = len({repr(sorted(values.items())) for values in without}) < len(without)
    return [head.label for head in heads(found if several else without)]
