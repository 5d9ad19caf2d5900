"""Estimates before a run which differences between two variants a comparison over its cases can find."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from promptgrid.stats.chance import FIRST_LOOK
from promptgrid.stats.intervals import Floats
from promptgrid.stats.paired import FEWEST, POWER

Counts = NDArray[np.int64]

DIFFERENCE = 0.1
DISAGREE = 0.3  # share of cases in which only one of the two is right: typical for rates of 70 to 80 %
_MOST = 20_000  # cases: with more, the power for DIFFERENCE is 1 to many digits
_TAIL = 9.0  # standard deviations of a binomial distribution to sum over


@dataclass(frozen=True, slots=True)
class Reach:
    """The probability `power` of finding a `difference` between two variants over `cases`, when `comparisons` are made
    at once, and about how many cases are `needed` for 80 %. In the share `disagree` of the cases only one of the two is
    right."""

    cases: int
    power: float
    needed: int
    comparisons: int = 1
    difference: float = DIFFERENCE
    disagree: float = DISAGREE

    @property
    def sentence(self) -> str:
        """The power as a sentence: `With 78 cases, a true gain of 10 points is found in about 31 of 100 comparisons;
        for 80 of 100, about 246 cases are needed.`"""
        of = f"{self.cases:,} case{'' if self.cases == 1 else 's'}"
        often = "fewer than 1" if self.power < 0.01 else f"about {min(99, round(100 * self.power))}"
        enough = f"; for {100 * POWER:.0f} of 100, about {self.needed:,} cases are needed" if self.power < POWER else ""
        gain = f"a true gain of {100 * self.difference:.0f} points"
        return f"With {of}, {gain} is found in {often} of 100 comparisons{enough}."

    @property
    def method(self) -> str:
        """How the power is computed: the test, its source, and the assumption."""
        family = f" for {self.comparisons} comparisons" if self.comparisons > 1 else ""
        apart = f"{100 * self.disagree:.0f} % of the cases tell the two apart"
        return f"power of McNemar's test{family}, Duffy 1984, where {apart}"


def reach(cases: int, comparisons: int = 1, difference: float = DIFFERENCE, disagree: float = DISAGREE) -> Reach:
    """Returns the power of `compared_all` over this number of cases with scores of 0 or 1: the probability that it
    finds a `difference` in the share of right cases, in each of `comparisons` made at once, corrected by
    Bonferroni's method. `disagree` is the share of cases in which only one of the two is right; it is at least
    `difference`."""
    level, disagree = FIRST_LOOK / max(1, comparisons), max(disagree, difference)
    power = mcnemar_power(cases, difference, level, disagree)
    return Reach(cases, power, _needed(difference, level, disagree), comparisons, difference, disagree)


@lru_cache(maxsize=4096)
def mcnemar_power(cases: int, difference: float, level: float = FIRST_LOOK, disagree: float = DISAGREE) -> float:
    """Returns the probability that McNemar's mid-p test (`mcnemar`) finds the better of two variants at `level`.

    The share of cases in which the better variant is right is larger by `difference`; in the share `disagree` of the
    cases only one of the two is right. The probability is unconditional: it covers all possible numbers of such cases
    and all their outcomes; it is 0 below 6 cases, which are too few for a verdict. A significant result in the wrong
    direction is not counted. Source: S. Duffy, "Asymptotic and exact power for the McNemar test and its analogue with R
    controls per case", Biometrics 40 (1984).
    """
    if cases < FEWEST:
        return 0.0
    cases = min(cases, _MOST)
    spread = (cases * disagree * (1 - disagree)) ** 0.5 * _TAIL + 10
    apart = np.arange(max(0, int(cases * disagree - spread)), min(cases, int(cases * disagree + spread)) + 1)
    # A row is a number of cases in which only one of the two is right; a column is how many of them favour the worse
    # variant: `fair` under the null hypothesis, `true` under the difference. scipy would take half a second to import.
    other = np.arange(int(apart[-1]) // 2 + 1)
    fair = _binomial(other, apart[:, None], 0.5)
    significant = 2 * np.cumsum(fair, axis=1) - fair < level
    true = _binomial(other, apart[:, None], (disagree - difference) / (2 * disagree))
    return float(np.sum(_binomial(apart, np.array(cases), disagree) * np.sum(true * significant, axis=1)))


def _binomial(successes: Counts, trials: Counts, chance: float) -> Floats:
    """Returns the probability of each number of `successes` in its number of `trials`, where one trial succeeds with
    probability `chance`; 0 for more successes than trials."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(trials.max()) + 1)))])  # logarithms
    failures = trials - successes
    known = np.clip(failures, 0, None)
    ways = factorials[trials] - factorials[np.minimum(successes, trials)] - factorials[known]
    logarithm = ways + successes * np.log(max(chance, 1e-300)) + known * np.log1p(-chance)
    return np.asarray(np.where(failures < 0, 0.0, np.exp(logarithm)), dtype=np.float64)


@lru_cache(maxsize=256)
def _needed(difference: float, level: float, disagree: float) -> int:
    """Returns the fewest cases, within 1 %, with which McNemar's test at `level` finds this difference with a
    probability of 0.8 or more, if only one of the two is right in the share `disagree` of the cases.

    The power of a discrete test rises and falls a little from one number of cases to the next.
    """
    low, high = 1, 2
    while mcnemar_power(high, difference, level, disagree) < POWER and high < _MOST:
        low, high = high, 2 * high
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if mcnemar_power(middle, difference, level, disagree) >= POWER else (middle, high)
    return high
