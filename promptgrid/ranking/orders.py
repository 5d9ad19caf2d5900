"""Orders numbered items by score, and fuses several orders into one.

Source of the fusion: Cormack, Clarke and Buettcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and individual
Rank Learning Methods".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RRF = 60.0  # of the paper
_DIGITS = 12  # sums of the same ranks in another order differ by less

Ranked = list[tuple[int, float]]
"""(number of the item, its score), the best first."""


def best(scores: NDArray[Any], k: int, least: float = float("-inf")) -> Ranked:
    """Returns the `k` items with the highest scores above `least`, the best first; equal scores by number."""
    import numpy as np

    if len(scores) > k > 0:
        edge = np.partition(scores, len(scores) - k)[len(scores) - k]
        numbers = np.flatnonzero((scores >= edge) & (scores > least))
    else:
        numbers = np.flatnonzero(scores > least)
    order = np.lexsort((numbers, -scores[numbers]))[: max(k, 0)]
    return [(int(number), float(scores[number])) for number in numbers[order]]


def fused(rankings: Sequence[Ranked], k: int) -> Ranked:
    """Returns the best `k` items of several rankings by reciprocal rank fusion: the score of an item is the sum of
    1 / (60 + its rank) over the rankings that have it. Of items that are equal by their ranks, as first and second are
    to second and first, that with the higher scores is better: each ranking's scores from 0, its lowest, to 1. Items
    that are equal by these too are ordered by number."""
    scores: dict[int, float] = {}
    shares: dict[int, float] = {}
    for ranking in rankings:
        low, high = (ranking[-1][1], ranking[0][1]) if ranking else (0.0, 0.0)
        for rank, (number, score) in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (_RRF + rank)
            shares[number] = shares.get(number, 0.0) + ((score - low) / (high - low) if high > low else 0.0)
    order = sorted(scores, key=lambda number: (-round(scores[number], _DIGITS), -shares[number], number))
    return [(number, scores[number]) for number in order[:k]]


def cosines(matrix: NDArray[np.float32], query: NDArray[Any]) -> NDArray[np.float32]:
    """Returns the product of each row of `matrix` (n, d) with the vector `query` (d,): the cosines, if all have the
    length 1."""
    import numpy as np

    products: NDArray[np.float32] = matrix @ query.astype(np.float32)
    return products
