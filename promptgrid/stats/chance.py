"""Paired significance tests, and the correction of their p-values for multiple comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptgrid.stats.intervals import Floats, known_values

EXACT = 12  # the most differences for which all sign changes are tried: 4,096
FLIPS = 9_999
_ROWS = 500  # sign changes drawn at a time, so that memory stays bounded
_EQUAL, _EQUAL_SINGLE = 1e-9, 1e-5  # relative tolerance within which two sums are equal


def mcnemar(b: int, c: int) -> float:
    """Returns the exact two-sided p-value for `b` pairs that changed in one direction and `c` in the other.

    It is 1 where no pair changed. Source: Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions", Psychometrika 12 (1947), in its exact binomial form.
    """
    from scipy import special

    return min(1.0, 2 * float(special.bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0


def paired_permutation(differences: Sequence[float | None], *, seed: int = 0) -> float | None:
    """Returns the two-sided p-value of paired differences: how often a sum at least as far from zero arises if each
    difference is equally likely positive or negative.

    Up to 12 non-zero differences the test is exact, over all sign changes. Above that it uses 9,999 sign changes drawn
    by `seed` and counts the observed one too, so that p is never 0 (B. Phipson and G. Smyth, "Permutation p-values
    should never be zero", 2010). 1 if all differences are zero, None if there are none. Source: R. A. Fisher, "The
    design of experiments" (1935).
    """
    known = known_values(differences)
    return permuted(known[:, None], seed=seed)[0] if len(known) else None


def permuted(differences: Floats, *, seed: int = 0) -> list[float]:
    """Returns the p-value of `paired_permutation` for each column of an array of shape (cases, comparisons).

    For speed all columns share the same sign changes. A case that a comparison lacks must be zero in its column.
    """
    p_values = [1.0] * differences.shape[1]
    sampled: list[int] = []
    for column, values in enumerate(differences.T):
        moved = values[values != 0]
        if len(moved) > EXACT:
            sampled.append(column)
        elif len(moved):
            p_values[column] = _exact(moved)
    if sampled:
        for column, count in zip(sampled, _extreme_counts(differences[:, sampled], seed), strict=True):
            p_values[column] = (count + 1) / (FLIPS + 1)
    return p_values


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Raises the p-values of several comparisons so that the chance of even one false positive among them stays that of
    a single test.

    The order is kept; None (no test) is not counted as a comparison. Source: S. Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    ordered = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    raised: list[float | None] = [None] * len(p_values)
    most = 0.0
    for place, (p, i) in enumerate(ordered):
        most = max(most, min(1.0, p * (len(ordered) - place)))
        raised[i] = most
    return raised


def _exact(moved: Floats) -> float:
    """Returns the share of all sign changes of these non-zero differences whose sum is at least as far from zero as the
    observed one: the exact p-value."""
    n = len(moved)
    signs = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) * 2.0 - 1.0
    return float(np.mean(np.abs(signs @ moved) >= abs(moved.sum()) - _EQUAL * np.abs(moved).sum()))


def _extreme_counts(differences: Floats, seed: int) -> list[int]:
    """Returns for each column how many of 9,999 sign changes, drawn by `seed`, give a sum at least as far from zero as
    the observed one."""
    generator = np.random.default_rng(seed)
    cases = len(differences)
    single = differences.astype(np.float32)  # takes half the time, and is precise enough to tell sums apart
    total = differences.sum(axis=0)
    least = np.abs(total) - _EQUAL_SINGLE * np.abs(differences).sum(axis=0)
    counts = np.zeros(differences.shape[1], dtype=np.int64)
    for start in range(0, FLIPS, _ROWS):
        rows = min(_ROWS, FLIPS - start)
        bits = np.unpackbits(generator.integers(0, 256, (rows, -(-cases // 8)), dtype=np.uint8), axis=1)[:, :cases]
        sums = 2 * (bits.astype(np.float32) @ single) - total
        counts += (np.abs(sums) >= least).sum(axis=0)
    return counts.tolist()
