"""What a comparison of two variants over so many cases can find, before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from promptgrid.stats.paired import ALPHA, POWER

DIFFERENCE = 0.1
DISAGREE = 0.3  # of a share of cases only one of the two is right: about so with rates of 70 to 80 %
_MOST = 100_000
_TAIL = 9.0  # standard deviations of a binomial that are summed over


@dataclass(frozen=True, slots=True)
class Reach:
    """The chance `power` to find a `difference` over `cases`, and about how many cases are `needed` for 80 %."""

    cases: int
    power: float
    needed: int
    comparisons: int = 1
    difference: float = DIFFERENCE

    @property
    def sentence(self) -> str:
        """`+10 points are seen in about 30 of 100 such comparisons; for 80 you need about 235 cases` and the test."""
        of = f"{self.cases:,} case{'' if self.cases == 1 else 's'}"
        seen = "fewer than 1" if self.power < 0.01 else f"about {min(99, round(100 * self.power))}"
        enough = "" if self.power >= POWER else f"; for {100 * POWER:.0f} you need about {self.needed:,} cases"
        family = f" for {self.comparisons} comparisons" if self.comparisons > 1 else ""
        return (
            f"Over {of}, +{100 * self.difference:.0f} points are seen in {seen} of 100 such comparisons{enough}"
            f" (power of McNemar's exact test{family}, Duffy 1984, where {100 * DISAGREE:.0f} % of the cases tell the"
            " two apart)."
        )


def reach(cases: int, comparisons: int = 1, difference: float = DIFFERENCE) -> Reach:
    """What `compared_all` can find over this many cases with scores of 0 or 1, with this many comparisons at once."""
    level = ALPHA / max(1, comparisons)
    return Reach(cases, mcnemar_power(cases, difference, level), _needed(difference, level), comparisons, difference)


@lru_cache(maxsize=4096)
def mcnemar_power(cases: int, difference: float, level: float = ALPHA, disagree: float = DISAGREE) -> float:
    """The chance that McNemar's exact two-sided test finds at `level` that one of two variants is better, where it is
    right on `difference` more of the cases, and on the share `disagree` of the cases only one of the two is.

    Unconditional: over all numbers of cases that tell them apart, and how these fall. A result in the wrong direction
    is none. Source: S. Duffy, "Asymptotic and exact power for the McNemar test and its analogue with R controls per
    case", Biometrics 40 (1984).
    """
    import numpy as np
    from scipy import special

    spread = (cases * disagree * (1 - disagree)) ** 0.5 * _TAIL + 10
    apart = np.arange(max(0, int(cases * disagree - spread)), min(cases, int(cases * disagree + spread)) + 1)
    chances = np.exp(
        special.gammaln(cases + 1) - special.gammaln(apart + 1) - special.gammaln(cases - apart + 1)
        + apart * np.log(disagree) + (cases - apart) * np.log1p(-disagree)
    )  # fmt: skip
    enough = 2 * special.bdtr(0, apart, 0.5) < level  # that all of them favour one could be found
    apart, chances = apart[enough], chances[enough]
    # The most that may fall the other way: 2 · P(X ≤ most) < level for X ~ Binomial(apart, 1/2).
    most = np.floor(special.bdtrik(level / 2, apart, 0.5))
    most -= 2 * special.bdtr(most, apart, 0.5) >= level
    worse = (disagree - difference) / (2 * disagree)
    return float(np.sum(chances * special.bdtr(most, apart, worse)))


@lru_cache(maxsize=256)
def _needed(difference: float, level: float) -> int:
    """The fewest cases, within one in a hundred, from which the power is 0.8 or more. The power of an exact test
    rises and falls a little from one number to the next."""
    low, high = 1, 2
    while mcnemar_power(high, difference, level) < POWER and high < _MOST:
        low, high = high, 2 * high
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if mcnemar_power(middle, difference, level) >= POWER else (middle, high)
    return high
