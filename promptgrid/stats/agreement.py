"""Agreement between judges, corrected for chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def krippendorff_alpha(ratings: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Returns the agreement of any number of judges on categories (nominal data), corrected for chance.

    `ratings` has one row per item and one entry per judge, None where that judge has not rated the item. 1 is full
    agreement, 0 the agreement of chance, below 0 less than chance. None where no item has two ratings, or all ratings
    are the same. Source: K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011).
    """
    rated = [[rating for rating in row if rating is not None] for row in ratings]
    rows = [Counter(row) for row in rated if len(row) > 1]
    totals: Counter[Hashable] = sum(rows, Counter())
    n = totals.total()
    if len(totals) < 2:
        return None
    observed = sum(_unlike(row) / (row.total() - 1) for row in rows) / n
    return 1 - observed / (_unlike(totals) / (n * (n - 1)))


def cohen_kappa(a: Sequence[Hashable | None], b: Sequence[Hashable | None]) -> float | None:
    """Returns the agreement of two judges on the same items, corrected for chance: at most 1, 0 as by chance.

    An item that one judge has not rated (None) is left out. None where no item is rated by both, or all ratings of both
    are the same. Source: J. Cohen, "A coefficient of agreement for nominal scales" (1960).
    """
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    n = len(pairs)
    if n == 0:
        return None
    of_a, of_b = Counter(x for x, _ in pairs), Counter(y for _, y in pairs)
    by_chance = sum(of_a[name] * of_b[name] for name in of_a)  # times n²
    if by_chance == n * n:
        return None
    return (n * sum(x == y for x, y in pairs) - by_chance) / (n * n - by_chance)


def _unlike(counts: Counter[Hashable]) -> int:
    """Returns how many ordered pairs of ratings have two different ratings, from the count of each rating."""
    return counts.total() ** 2 - sum(count * count for count in counts.values())
