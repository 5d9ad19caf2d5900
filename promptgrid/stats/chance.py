"""Paired significance tests of one or several comparisons, corrected for their number and for looking again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptgrid.stats.intervals import Floats, known_values

EXACT = 12  # the most differences for which all sign changes are tried: 4,096
FLIPS = 9_999
FIRST_LOOK, LATER_LOOKS = 0.04, 0.006  # what the first look and all later ones spend of the error of 5 %
_NUMBERS = 4_000_000  # signs in memory at a time
_EQUAL = 1e-5  # relative tolerance within which two sums are equal


def mcnemar(b: int, c: int) -> float:
    """Returns the mid-p value of McNemar's test for `b` pairs that changed in one direction and `c` in the other.

    The mid-p value is the exact two-sided one less the probability of the observed split; it is 1 where `b` = `c`. Over
    few pairs the exact test makes far fewer false claims than its level allows, and so misses differences. The mid-p
    test keeps to its level where at most half of all pairs change; that is so for two variants which, in each case,
    have the same chance to pass. Sources: Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions", Psychometrika 12 (1947); M. Fagerland et al., "The McNemar test for binary matched-pairs data: mid-p
    and asymptotic are better than exact conditional", BMC Medical Research Methodology 13 (2013).
    """
    return float(_mid_p(b + c)[b])


def paired_permutation(differences: Sequence[float | None], *, seed: int = 0) -> float | None:
    """Returns the two-sided p-value of paired differences: how often a sum at least as far from zero arises if each
    difference is equally likely positive or negative.

    Up to 12 non-zero differences the test is exact, over all sign changes. Above that it uses 9,999 sign changes drawn
    by `seed` and counts the observed one too, so that p is never 0 (B. Phipson and G. Smyth, "Permutation p-values
    should never be zero", 2010). 1 if all differences are zero, None if there are none. Source: R. A. Fisher, "The
    design of experiments" (1935).
    """
    known = known_values(differences)
    return family(known[:, None], [False], seed=seed)[0][0] if len(known) else None


def family(differences: Floats, flags: Sequence[bool], *, seed: int = 0) -> tuple[list[float], list[float]]:
    """Returns (the p-value of each column of `differences`, the p-values adjusted for the number of columns).
    `differences` has a row per case and a column per comparison; where a comparison lacks a case, it has 0.

    A column whose flag in `flags` is true holds only -1, 0 and 1 and is tested by `mcnemar`, any other column by
    `paired_permutation`; their random sign changes are drawn by `seed`. The adjusted value of the smallest p is the
    share of sign changes, each applied to whole cases, under which the smallest p of all columns is at most this p. The
    adjusted value of a larger p is found in the same way, over the columns with no smaller p. So comparisons that share
    a baseline cost less than by Bonferroni's or Holm's method, which assume the worst. The probability that any claim
    of the family is false is that of one test. Sources: P. Westfall and S. Young, "Resampling-based multiple testing"
    (1993), the step-down minP method; J. Romano and M. Wolf, "Exact and approximate stepdown methods for multiple
    hypothesis testing", JASA 100 (2005).
    """
    alone = len(flags) == 1 and flags[0]
    sums = np.empty((1, 1)) if alone else _sums(differences, seed)
    p_values, under_chance = [], np.empty(sums.shape)
    for column, flag in enumerate(flags):
        moved = differences[:, column][differences[:, column] != 0]
        if flag:
            p_values.append(mcnemar(int((moved > 0).sum()), int((moved < 0).sum())))
            under_chance[:, column] = _mid_p(len(moved))[np.rint((sums[:, column] + len(moved)) / 2).astype(np.int64)]
        else:
            under_chance[:, column] = _ranks(sums[:, column], np.abs(moved).sum())
            own = _ranks(_sums(moved[:, None], seed)[:, 0], np.abs(moved).sum()) if len(moved) <= EXACT else None
            p_values.append(float(under_chance[0, column] if own is None else own[0]))
    return p_values, p_values if len(flags) < 2 else _step_down(p_values, under_chance)


def level(look: int) -> float:
    """Returns the p-value below which a difference counts at the `look`-th look (1: the first) at a comparison.

    A look is a test of the same variants over more replies than the look before. All looks together make a false claim
    with a probability of at most 0.05, however many there are. The first look spends 0.04 of it. All later looks share
    0.006, and each spends half of what is left of that: 0.003, 0.0015 … The remaining 0.004 cover that the number of
    cases at a look is chosen after the look before. Sources: P. Armitage, C. McPherson and B. Rowe, "Repeated
    significance tests on accumulating data", JRSS A 132 (1969), for what looking again costs without a correction (8 %
    at two looks, 14 % at five); K. Lan and D. DeMets, "Discrete sequential boundaries for clinical trials", Biometrika
    70 (1983), for spending the error look by look, here by Bonferroni's inequality, which needs no plan of how many
    cases there will be.
    """
    return FIRST_LOOK if look <= 1 else LATER_LOOKS / 2 ** (look - 1)


def _mid_p(changed: int) -> Floats:
    """Returns `changed` + 1 mid-p values. Number k is for k pairs that changed in one direction and `changed` - k in
    the other: P(X ≤ fewer) + P(X < fewer), where `fewer` is the smaller of the two numbers."""
    from scipy import special

    up_to_half = np.asarray(special.bdtr(np.arange(changed // 2 + 1), changed, 0.5), dtype=np.float64)
    more = np.arange(changed + 1)
    p_values: Floats = (up_to_half + np.append(0.0, up_to_half[:-1]))[np.minimum(more, changed - more)]
    return p_values


def _sums(differences: Floats, seed: int) -> Floats:
    """Returns an array of the sums of the columns of `differences` (cases, comparisons): row 0 as observed, the others
    under sign changes of whole cases. These are all if few cases have a difference, else random ones by `seed`."""
    moved = differences[differences.any(axis=1)].astype(np.float32)  # takes half the time, and tells sums apart
    cases, total = len(moved), moved.sum(axis=0)
    if cases <= EXACT:
        signs = 1 - 2 * ((np.arange(2**cases)[:, None] >> np.arange(cases)) & 1)
        return np.asarray(signs.astype(np.float32) @ moved, dtype=np.float64)
    generator, rows = np.random.default_rng(seed), max(1, _NUMBERS // cases)
    sums = [total[None, :]]
    for start in range(0, FLIPS, rows):
        bytes_ = generator.integers(0, 256, (min(rows, FLIPS - start), -(-cases // 8)), dtype=np.uint8)
        sums.append(2 * (np.unpackbits(bytes_, axis=1, count=cases).astype(np.float32) @ moved) - total)
    return np.concatenate(sums).astype(np.float64)


def _ranks(sums: Floats, scale: float) -> Floats:
    """Returns for each sum the share of all sums that are at least as far from zero. `scale`, the largest possible sum,
    sets how close two sums count as equal."""
    far = np.abs(sums)
    as_far: Floats = (len(far) - np.searchsorted(np.sort(far), far - _EQUAL * scale)) / len(far)
    return as_far


def _step_down(p_values: Sequence[float], under_chance: Floats) -> list[float]:
    order = np.argsort(under_chance[0], kind="stable")
    smallest = np.minimum.accumulate(under_chance[:, order[::-1]], axis=1)[:, ::-1]
    adjusted, most = [0.0] * len(order), 0.0
    for place, column in enumerate(order.tolist()):
        share = float(np.mean(smallest[:, place] <= under_chance[0, column] * (1 + 1e-9)))
        most = max(most, share, p_values[column])
        adjusted[column] = most
    return adjusted
