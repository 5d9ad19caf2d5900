"""Do judges agree more than by chance?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def krippendorff_alpha(ratings: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Agreement of any number of judges on names (nominal data): one row a rated thing, one entry a judge, None where
    that judge has not rated it.

    1 is full agreement, 0 what chance would bring, below 0 less than that. None where no thing has two ratings, or all
    ratings are the same: then there is nothing to agree about. Source: K. Krippendorff, "Computing Krippendorff's
    alpha-reliability" (2011).
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
    """Agreement of two judges on the same things beyond what chance would bring, at most 1; None where one has not
    judged leaves that thing out.

    None where no thing is judged by both, or both gave one and the same judgement throughout. Source: J. Cohen, "A
    coefficient of agreement for nominal scales" (1960).
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
    """Ordered pairs of ratings that differ."""
    return counts.total() ** 2 - sum(count * count for count in counts.values())
