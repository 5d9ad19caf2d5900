"""What the examples of few-shot prompts do to a score: how much their order moves it, and what each of them is worth.

Sources: Searle, Casella and McCulloch 1992, "Variance Components" (the exact interval of a ratio of variances in a
balanced layout); Hoerl and Kennard 1970 (ridge regression); Liang and Zeger 1986 (errors clustered by case); Holm 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptgrid.stats.intervals import Floats

FEWEST_ORDERS = 5
_RIDGE = 1e-3  # of the weight of one example's column: only so that columns that add up to a constant can be solved
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class OrderSpread:
    """How far the mean score moves by the order alone: the standard deviation of the true means over all orders,
    estimated by `sd`, with its 95 % interval from `low` to `high`. `means` are those seen, one an order."""

    means: tuple[float, ...]
    sd: float
    low: float
    high: float
    cases: int


def order_spread(scores: ArrayLike) -> OrderSpread | None:
    """Returns the spread for scores of the shape (cases, orders), each from 0 to 1. Cases that lack a score (NaN) in
    any order are left out. None for fewer than five orders or two cases.

    What orders of the same examples do to a case by chance is told from what they do to all: the interval is that of
    the ratio of the two variances.
    """
    from scipy import stats

    table = np.asarray(scores, np.float64)
    table = table[~np.isnan(table).any(axis=1)]
    cases, orders = table.shape
    if orders < FEWEST_ORDERS or cases < 2:
        return None
    means = table.mean(axis=0)
    rest = table - table.mean(axis=1, keepdims=True) - means + table.mean()
    free = orders - 1, (cases - 1) * (orders - 1)
    by_order, by_chance = cases * float(means.var(ddof=1)), float((rest**2).sum()) / free[1]
    tail = (1 - _LEVEL) / 2
    if by_chance <= 1e-12:  # no case differs from the others: the means are known exactly
        chi = [stats.chi2.ppf(q, free[0]) for q in (1 - tail, tail)]
        low, high = (float(free[0] * means.var(ddof=1) / value) for value in chi)
    else:
        ratio = by_order / by_chance
        low, high = ((ratio / float(stats.f.ppf(q, *free)) - 1) * by_chance / cases for q in (1 - tail, tail))
    variance = max(0.0, (by_order - by_chance) / cases)
    return OrderSpread(tuple(means.tolist()), variance**0.5, max(0.0, low) ** 0.5, max(0.0, high) ** 0.5, cases)


@dataclass(frozen=True, slots=True)
class ExampleWorth:
    """What showing an example adds to the score of a case: `points` from -1 to 1, with the 95 % interval from `low` to
    `high`. `relative`: beside the average example, since all sets had the same size; else beside not showing it.
    `below`: the interval is below 0, by Holm's method over all examples."""

    example: int
    points: float
    low: float
    high: float
    p: float
    below: bool
    shown: int
    relative: bool

    @property
    def harmful(self) -> bool:
        """Whether the score is higher without it, as far as that can be known."""
        return self.below and not self.relative


def example_worths(scores: Sequence[float], cases: Sequence[int], shown: Sequence[Sequence[int]]) -> list[ExampleWorth]:
    """Returns the worth of each example that is shown in some cells and not in others, the best first. Each cell has a
    score, a case and the examples that were `shown`. Empty if fewer than three cases were seen with more than one set.
    Where all sets have one size, no set tells what no example would give: the worth is beside the average example.

    The score less the mean of its case is regressed on which examples were shown; errors are clustered by case.
    """
    from scipy import stats

    examples = sorted({one for each in shown for one in each})
    index = {one: at for at, one in enumerate(examples)}
    design = np.zeros((len(scores), len(examples)))
    for row, each in enumerate(shown):
        design[row, [index[one] for one in each]] = 1.0
    relative = len(set(design.sum(axis=1))) < 2
    target, groups = np.asarray(scores, np.float64), np.unique(np.asarray(cases), return_inverse=True)[1]
    target, design = _within(target[:, None], groups)[:, 0], _within(design, groups)
    varied = np.flatnonzero((design**2).sum(axis=0) > 1e-9)
    clusters = int(groups.max(initial=-1)) + 1
    if clusters < 3 or not len(varied):
        return []
    design = design[:, varied]
    weights = design.T @ design
    inverse = np.linalg.inv(weights + _RIDGE * np.trace(weights) / len(varied) * np.eye(len(varied)))
    points = inverse @ (design.T @ target)
    centre = np.eye(len(varied)) - relative / len(varied)
    pushes = np.zeros((clusters, len(varied)))
    np.add.at(pushes, groups, design * (target - design @ points)[:, None])
    spread = centre @ inverse @ (pushes.T @ pushes) @ inverse @ centre * clusters / (clusters - 1)
    points, errors = centre @ points, np.sqrt(np.diag(spread).clip(min=0))
    half = float(stats.t.ppf((1 + _LEVEL) / 2, clusters - 1)) * errors
    below = stats.t.cdf(np.divide(points, errors, out=np.zeros_like(points), where=errors > 0), clusters - 1)
    surely = _holm(below)
    counts = {one: sum(one in each for each in shown) for one in examples}
    worths = [
        ExampleWorth(examples[at], p, p - h, p + h, q, bool(sure), counts[examples[at]], relative)
        for at, p, h, q, sure in zip(varied, points.tolist(), half.tolist(), below.tolist(), surely, strict=True)
    ]
    return sorted(worths, key=lambda worth: -worth.points)


def _within(values: Floats, groups: NDArray[np.intp]) -> Floats:
    """Returns the values (rows, columns) less the mean of their group of rows."""
    sums = np.zeros((groups.max(initial=-1) + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return values - (sums / np.bincount(groups)[:, None])[groups]


def _holm(p: Floats) -> NDArray[np.bool_]:
    """Returns which of the p values stay below half of 5 % by Holm's method, as one side of a 95 % interval does."""
    order = np.argsort(p)
    ok = np.minimum.accumulate(p[order] * (len(p) - np.arange(len(p))) <= (1 - _LEVEL) / 2)
    found = np.zeros(len(p), bool)
    found[order[ok]] = True
    return found
