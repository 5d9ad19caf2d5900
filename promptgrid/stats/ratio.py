"""Intervals of a ratio of two sums over the same cases, such as dollars per correct answer."""

from __future__ import annotations

import math

import numpy as np

from promptgrid.stats.intervals import Floats, Interval

_RESAMPLES = 4_000
_CELLS = 4_000_000  # of one block of resampled cases: bounds the memory


def ratio_interval(tops: Floats, bottoms: Floats, level: float = 0.95, *, seed: int = 0) -> Interval | None:
    """Returns the percentile bootstrap interval of sum(`tops`) / sum(`bottoms`) over cases, resampled in pairs. Both
    arrays have one known value per case.

    A resample whose bottoms sum to zero or less counts as infinite, so `high` may be infinite. Returns None for fewer
    than two cases. The same `seed` gives the same interval.

    Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    n = len(tops)
    if n < 2:
        return None
    rng, block = np.random.default_rng(seed), max(1, _CELLS // n)
    ratios: list[Floats] = []
    for start in range(0, _RESAMPLES, block):
        drawn = rng.integers(0, n, size=(min(block, _RESAMPLES - start), n))
        top, bottom = tops[drawn].sum(axis=1), bottoms[drawn].sum(axis=1)
        ratios.append(np.divide(top, bottom, out=np.full(len(top), math.inf), where=bottom > 0))
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(ratios), [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(low), float(high))
