"""Compares two variants over the same cases: which is better, with what certainty, and how many more cases decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from promptgrid.stats.chance import holm, mcnemar, permuted
from promptgrid.stats.intervals import Floats, Interval, bca_interval, mean_interval, normal_quantile

PairedVerdict = Literal["better", "worse", "not distinguishable", "needs more"]

PairedScores = tuple[Sequence[float | None], Sequence[float | None]]

ALPHA = 0.05
POWER = 0.8
FEWEST = 6  # the fewest pairs that can be significant at 5 %, if all differ in one direction: 2 · 0.5⁶ = 3.1 %
WITHIN_REACH = 10  # times the present number of cases: the most cases worth collecting


@dataclass(frozen=True, slots=True)
class Comparison:
    """Variant A compared with variant B over the `n` cases for which both have a score; `missing` cases are left out.

    a, b           the mean scores of A and B over these cases; None for n = 0
    difference     a - b, with its 95 % `interval`, which is not corrected for other comparisons
    p              the probability of a difference at least this large between equal variants; None for n = 0
    p_adjusted     p after Holm's correction for all `among` comparisons made together
    better, worse, tied    the number of cases in which A scores higher than B, lower, the same
    verdict        `better` or `worse`: A is better or worse than B, with p_adjusted < 0.05
                   `needs more`: there are fewer than 6 cases, or the present cases and `cases_needed` together are at
                   most ten times the present cases
                   `not distinguishable`: all other comparisons
    cases_needed   about how many more cases would separate A from B with a power of 0.8, if the difference is as
                   observed; 0 where A and B are separated, None where there is no difference
    """

    n: int
    missing: int
    a: float | None
    b: float | None
    difference: float | None
    interval: Interval | None
    p: float | None
    p_adjusted: float | None
    among: int
    better: int
    worse: int
    tied: int
    verdict: PairedVerdict
    cases_needed: int | None

    def sentence(self, a_name: str, b_name: str) -> str:
        """Returns the verdict in plain words about variants with these names. The names are not escaped: the caller
        escapes foreign text."""
        missing = f" {_cases(self.missing)} left out: a score is missing." if self.missing else ""
        return f"{self._verdict_words(a_name, b_name)}{missing}"

    def _verdict_words(self, a_name: str, b_name: str) -> str:
        if self.a is None or self.b is None or self.interval is None or self.p_adjusted is None:
            return f"No case has a score of both {a_name} and {b_name}."
        means = f"{_percent(self.a)} against {_percent(self.b)}"
        low, high = _points(self.interval.low), _points(self.interval.high)
        if self.verdict == "not distinguishable":
            return (
                f"{a_name} and {b_name} are not distinguishable over {_cases(self.n)}: {means}; a difference from {low}"
                f" to {high} points is possible."
            )
        if self.verdict == "needs more":
            few = f"{_cases(self.n)} {'is' if self.n == 1 else 'are'} too few to tell {a_name} from {b_name}: {means}."
            if self.cases_needed is None:
                return few
            return f"{few} If the difference is as observed, about {self.cases_needed:,} more would show it."
        correction = f", corrected for {self.among} comparisons" if self.among > 1 else ""
        return (
            f"{a_name} is {self.verdict} than {b_name} over {_cases(self.n)}: {means}, a difference of"
            f" {_points(self.a - self.b)} points (95 % interval {low} to {high}); p {_p(self.p_adjusted)}{correction}."
        )


def compared(a: Sequence[float | None], b: Sequence[float | None], *, seed: int = 0) -> Comparison:
    """Compares A with B: `a[i]` and `b[i]` are the scores of case i, 0 to 1, each the mean over its samples.

    A case with a score that is None or NaN is left out. Where all scores are 0 or 1 the test is McNemar's exact test,
    and the interval is that of D. Bonett and R. Price, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data" (2012). Otherwise the test is `paired_permutation`, and the interval is that of
    `mean_interval` for the differences. `cases_needed` follows R. Connor, "Sample size for testing differences in
    proportions for the paired-sample design", Biometrics 43 (1987), with the differences' own spread.
    """
    return compared_all(b, [a], seed=seed)[0]


def compared_all(
    baseline: Sequence[float | None], others: Sequence[Sequence[float | None]], *, seed: int = 0
) -> list[Comparison]:
    """Compares each of `others` (A) with the baseline (B), over the same cases in the same order.

    The p-values are corrected for the number of comparisons by Holm's method, the cases needed by Bonferroni's.
    """
    return compared_pairs([(other, baseline) for other in others], seed=seed)


def compared_pairs(pairs: Sequence[PairedScores], *, seed: int = 0) -> list[Comparison]:
    """Compares A with B in each pair of scores (A, B). All scores are over the same cases in the same order; p-values
    are corrected for the number of pairs, as in `compared_all`."""
    arrays = [(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)) for a, b in pairs]
    known = [~np.isnan(a) & ~np.isnan(b) for a, b in arrays]
    apart = [np.where(both, a - b, 0.0) for (a, b), both in zip(arrays, known, strict=True)]
    for differences in apart:
        differences[np.abs(differences) < 1e-12] = 0.0  # 0.7 - 0.4 must be 0.3, not a little less
    flags = [_all_flags(a[both]) and _all_flags(b[both]) for (a, b), both in zip(arrays, known, strict=True)]
    scored = [i for i, flag in enumerate(flags) if not flag]
    permutations = permuted(np.column_stack([apart[i] for i in scored]), seed=seed) if scored else []
    by_permutation = dict(zip(scored, permutations, strict=True))
    tests = sum(bool(both.any()) for both in known)
    comparisons = [
        _comparison(a[both], b[both], differences[both], int((~both).sum()), by_permutation.get(i), max(tests, 1), seed)
        for i, ((a, b), both, differences) in enumerate(zip(arrays, known, apart, strict=True))
    ]
    raised = holm([comparison.p for comparison in comparisons])
    return [_with_verdict(comparison, p) for comparison, p in zip(comparisons, raised, strict=True)]


def _comparison(
    a: Floats, b: Floats, differences: Floats, missing: int, permutation: float | None, among: int, seed: int
) -> Comparison:
    """Returns the comparison of scores A and B over the cases that have both, still without verdict and adjusted
    p-value. `permutation` is its p-value by the permutation test; None where all scores are 0 or 1, for McNemar's
    test."""
    n, better, worse = len(differences), int((differences > 0).sum()), int((differences < 0).sum())
    empty: Comparison = Comparison(
        n, missing, None, None, None, None, None, None, among, better, worse, n - better - worse, "needs more", None
    )
    if n == 0:
        return empty
    flags = permutation is None
    return replace(
        empty,
        a=float(a.mean()),
        b=float(b.mean()),
        difference=float(differences.mean()),
        interval=_flag_interval(better, worse, n) if flags else _difference_interval(differences, seed),
        p=mcnemar(better, worse) if flags else permutation,
        cases_needed=_cases_needed(differences, ALPHA / among),
    )


def _with_verdict(comparison: Comparison, p_adjusted: float | None) -> Comparison:
    """Returns the comparison with its verdict, which follows from `p_adjusted`: the p-value corrected for all
    comparisons made together."""
    if p_adjusted is None:
        return comparison
    verdict: PairedVerdict = "not distinguishable"
    needed = comparison.cases_needed
    if p_adjusted < ALPHA:
        verdict, needed = "better" if (comparison.difference or 0) > 0 else "worse", 0
    elif comparison.n < FEWEST or (needed is not None and needed <= (WITHIN_REACH - 1) * comparison.n):
        verdict = "needs more"
    return replace(comparison, p_adjusted=p_adjusted, verdict=verdict, cases_needed=needed)


def _all_flags(scores: Floats) -> bool:
    return bool(np.all((scores == 0) | (scores == 1)))


def _flag_interval(better: int, worse: int, n: int) -> Interval:
    up, down = (better + 1) / (n + 2), (worse + 1) / (n + 2)
    half = normal_quantile(0.95) * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return Interval(max(-1.0, up - down - half), min(1.0, up - down + half))


def _difference_interval(differences: Floats, seed: int) -> Interval | None:
    if not differences.any():
        return _flag_interval(0, 0, len(differences))
    if np.abs(differences).max() > 1:
        return bca_interval(differences, seed=seed)
    share = mean_interval((differences + 1) / 2)
    return share and Interval(2 * share.low - 1, 2 * share.high - 1)


def _cases_needed(differences: Floats, alpha: float) -> int | None:
    mean, square = float(differences.mean()), float((differences**2).mean())
    if abs(mean) < 1e-12:
        return None
    deviation = math.sqrt(max(0.0, square - mean**2))
    total = (normal_quantile(1 - alpha) * math.sqrt(square) + normal_quantile(2 * POWER - 1) * deviation) ** 2 / mean**2
    return max(1, math.ceil(max(total, FEWEST)) - len(differences))


def _cases(count: int) -> str:
    return f"{count:,} case{'' if count == 1 else 's'}"


def _percent(value: float) -> str:
    """Formats a share from 0 to 1 as a percentage. It has a decimal only where rounding would make 0 or 100 of another
    value."""
    return f"{100 * value:.0f} %" if value in (0, 1) or 0.005 < value < 0.995 else f"{100 * value:.1f} %"


def _points(value: float) -> str:
    text = f"{100 * value:+.0f}" if abs(value) >= 0.01 else f"{100 * value:+.1f}"
    return text.replace("-", "−") if float(text) else "0"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"
