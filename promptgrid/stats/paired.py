"""Compares two variants over the same cases: which is better, with what certainty, and how many more cases decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from promptgrid.stats.chance import family, level
from promptgrid.stats.intervals import Floats, Interval, bca_interval, mean_interval, normal_quantile

PairedVerdict = Literal["better", "worse", "not distinguishable", "needs more"]

PairedScores = tuple[Sequence[float | None] | Floats, Sequence[float | None] | Floats]

POWER = 0.8
FEWEST = 6  # the fewest cases with a verdict: with 5, chance alone gives the same direction in all more often than 5 %
WITHIN_REACH = 10  # times the present number of cases: the most cases worth collecting


@dataclass(frozen=True, slots=True)
class Comparison:
    """Variant A compared with variant B over the `n` cases for which both have a score; `missing` cases are left out.

    a, b           the mean scores of A and B over these cases; None for n = 0
    difference     a - b, with its 95 % `interval`, which is not corrected for other comparisons
    p              the probability of a difference at least this large between equal variants; None for n = 0
    p_adjusted     p corrected for all `among` comparisons made together (chance.family)
    look           1 for the first test of these variants, 2 for the first with more replies than before, and so on
    better, worse, tied    the number of cases in which A scores higher than B, lower, the same
    verdict        `better` or `worse`: A is better or worse than B, with p_adjusted < `level`
                   `needs more`: there are fewer than 6 cases, or the present cases and `cases_needed` together are at
                   most ten times the present cases
                   `not distinguishable`: all other comparisons
    cases_needed   about how many more cases would separate A from B at the next look with a power of 0.8, if the
                   difference is as observed; 0 where A and B are separated, None where there is no difference
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
    look: int
    better: int
    worse: int
    tied: int
    verdict: PairedVerdict
    cases_needed: int | None

    @property
    def level(self) -> float:
        """The value below which `p_adjusted` counts as a difference, at this look (chance.level)."""
        return level(self.look)

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
            return (
                f"{few} If the difference is as observed, about {self.cases_needed:,} more cases would show it,"
                f" at p < {level(self.look + 1):.2g}, the limit of look {self.look + 1}."
            )
        correction = f", corrected for {self.among} comparisons" if self.among > 1 else ""
        again = f", below {self.level:.2g}, the limit of look {self.look}" if self.look > 1 else ""
        return (
            f"{a_name} is {self.verdict} than {b_name} over {_cases(self.n)}: {means}, a difference of"
            f" {_points(self.a - self.b)} points (95 % interval {low} to {high}); p {_p(self.p_adjusted)}{correction}"
            f"{again}."
        )


def compared(
    a: Sequence[float | None] | Floats, b: Sequence[float | None] | Floats, *, look: int = 1, seed: int = 0
) -> Comparison:
    """Compares A with B: `a[i]` and `b[i]` are the scores of case i, 0 to 1, each the mean over its samples.

    A case with a score that is None or NaN is left out. `look` is 2 where A and B were compared before over fewer
    replies, 3 after two such comparisons, and so on. Where all scores are 0 or 1 the test is `mcnemar`, and the
    interval is that of D. Bonett and R. Price, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data" (2012). Otherwise the test is `paired_permutation`, and the interval is that of
    `mean_interval` for the differences. `cases_needed` follows R. Connor, "Sample size for testing differences in
    proportions for the paired-sample design", Biometrics 43 (1987), with the differences' own spread.
    """
    return compared_all(b, [a], look=look, seed=seed)[0]


def compared_all(
    baseline: Sequence[float | None] | Floats,
    others: Sequence[Sequence[float | None] | Floats],
    *,
    look: int = 1,
    seed: int = 0,
) -> list[Comparison]:
    """Compares each of `others` (A) with the baseline (B), over the same cases in the same order; `look` is that of
    `compared`.

    The p-values are corrected for the number of comparisons (chance.family); `cases_needed` is corrected for it by
    Bonferroni's method.
    """
    return compared_pairs([(other, baseline) for other in others], look=look, seed=seed)


def compared_pairs(
    pairs: Sequence[PairedScores], *, look: int = 1, families: int = 1, seed: int = 0
) -> list[Comparison]:
    """Compares A with B in each pair of scores (A, B). All scores are over the same cases in the same order; p-values
    are corrected for the number of pairs, as in `compared_all`. If the verdicts of several calls are read together,
    `families` is the number of these calls, each over other cases; p-values are also corrected for it, by Bonferroni's
    method."""
    arrays = [(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)) for a, b in pairs]
    known = [~np.isnan(a) & ~np.isnan(b) for a, b in arrays]
    apart = [np.where(both, a - b, 0.0) for (a, b), both in zip(arrays, known, strict=True)]
    for differences in apart:
        differences[np.abs(differences) < 1e-12] = 0.0  # 0.7 - 0.4 must be 0.3, not a little less
    tested = [i for i, both in enumerate(known) if both.any()]
    flags = [all(_all_flags(scores[known[i]]) for scores in arrays[i]) for i in tested]
    p_values, adjusted = family(np.column_stack([apart[i] for i in tested]), flags, seed=seed) if tested else ([], [])
    raised = [min(1.0, p * families) for p in adjusted]
    of_test = dict(zip(tested, zip(flags, p_values, raised, strict=True), strict=True))
    among = max(len(tested), 1) * families
    comparisons = []
    for i, ((a, b), both, differences) in enumerate(zip(arrays, known, apart, strict=True)):
        n, missing = int(both.sum()), int((~both).sum())
        untested = Comparison(n, missing, None, None, None, None, None, None, among, look, 0, 0, 0, "needs more", None)
        one = of_test.get(i)
        comparisons.append(_comparison(untested, a[both], b[both], differences[both], *one, seed) if one else untested)
    return comparisons


def _comparison(
    untested: Comparison, a: Floats, b: Floats, differences: Floats, flags: bool, p: float, adjusted: float, seed: int
) -> Comparison:
    """Returns `untested` with the fields that a test fills in: means, difference, p-values, counts and verdict. `a` and
    `b` are the scores over the cases that have both, `differences` is a - b, `p` and `adjusted` the p-values. `flags`
    is true where all scores are 0 or 1."""
    n, better, worse = len(differences), int((differences > 0).sum()), int((differences < 0).sum())
    difference = float(differences.mean())
    needed = _cases_needed(differences, level(untested.look + 1) / untested.among)
    verdict: PairedVerdict = "not distinguishable"
    if adjusted < untested.level and n >= FEWEST:
        verdict, needed = "better" if difference > 0 else "worse", 0
    elif n < FEWEST or (needed is not None and needed <= (WITHIN_REACH - 1) * n):
        verdict = "needs more"
    return replace(
        untested,
        a=float(a.mean()),
        b=float(b.mean()),
        difference=difference,
        interval=_flag_interval(better, worse, n) if flags else _difference_interval(differences, seed),
        p=p,
        p_adjusted=adjusted,
        better=better,
        worse=worse,
        tied=n - better - worse,
        verdict=verdict,
        cases_needed=needed,
    )


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
    """Formats a share from 0 to 1 as a percentage. It has one decimal if the share would otherwise be rounded to 0 or
    100 % without being exactly that."""
    return f"{100 * value:.0f} %" if value in (0, 1) or 0.005 < value < 0.995 else f"{100 * value:.1f} %"


def _points(value: float) -> str:
    text = f"{100 * value:+.0f}" if abs(value) >= 0.01 else f"{100 * value:+.1f}"
    return text.replace("-", "−") if float(text) else "0"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"
