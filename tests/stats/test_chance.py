"""P-values and their correction: equal to scipy and statsmodels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats as reference
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_reference
from statsmodels.stats.multitest import multipletests

from promptgrid import stats
from promptgrid.stats.chance import family, level
from tests.stats.figures import close


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (6, 0), (10, 2), (7, 7), (121, 59), (3, 40), (0, 500)])
def test_mcnemar_is_the_exact_one_less_the_chance_of_the_split_itself(b: int, c: int) -> None:
    exact = mcnemar_reference([[0, b], [c, 0]], exact=True).pvalue
    split = float(reference.binom.pmf(b, b + c, 0.5))
    assert stats.mcnemar(b, c) == close(exact - split if b != c else 1.0)
    assert stats.mcnemar(b, c) == stats.mcnemar(c, b)


def test_few_differences_are_tried_in_all_signs_as_scipy_does() -> None:
    generator = np.random.default_rng(1)
    for n in (2, 5, 9, 12):
        values = np.round(generator.normal(0.2, 0.5, n), 1) + 0.03
        theirs = reference.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**n)
        assert stats.paired_permutation([*values, 0.0, None]) == close(theirs.pvalue)


def test_many_differences_come_near_what_all_signs_would_give() -> None:
    values = np.round(np.random.default_rng(2).normal(0.12, 0.5, 14), 1)
    theirs = reference.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**14).pvalue
    p_value = stats.paired_permutation(list(values))
    assert p_value == pytest.approx(theirs, abs=4 * math.sqrt(theirs * (1 - theirs) / 9999))
    assert p_value == stats.paired_permutation(list(values))
    assert p_value == stats.paired_permutation(list(-values))


def test_a_permutation_p_is_never_zero_and_of_nothing_there_is_none() -> None:
    assert stats.paired_permutation([0.5] * 1000) == 1e-4
    assert stats.paired_permutation([0.0] * 7) == 1.0
    assert stats.paired_permutation([]) is None
    assert stats.paired_permutation([None]) is None


DRAWN = np.random.default_rng(3)
COLUMNS = {
    "scores": np.round(DRAWN.normal(0.1, 0.5, (30, 6)), 1),
    "pass or fail": DRAWN.integers(-1, 2, (30, 6)).astype(float),
    "few cases": np.round(DRAWN.normal(0.3, 0.5, (9, 4)), 1),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_the_adjusted_p_values_lie_between_none_and_holms(kind: str) -> None:
    differences = COLUMNS[kind]
    p_values, adjusted = family(differences, [kind == "pass or fail"] * differences.shape[1])
    holm = multipletests(p_values, method="holm")[1]
    for p, mine, theirs in zip(p_values, adjusted, holm, strict=True):
        assert p <= mine <= theirs + 0.02  # as many sign changes as are drawn tell p-values apart so far
    assert sorted(adjusted) == [adjusted[i] for i in np.argsort(p_values, kind="stable")]


def test_the_smallest_p_is_adjusted_by_the_smallest_p_of_all_sign_changes() -> None:
    differences = COLUMNS["few cases"]
    signs = np.array(list(itertools.product([1, -1], repeat=len(differences))))
    sums = np.abs(signs @ differences)
    p_of_signs = np.array([(sums >= row - 1e-9).mean(axis=0) for row in sums])
    p_values, adjusted = family(differences, [False] * differences.shape[1])
    assert p_values == close(p_of_signs[0].tolist())
    assert min(adjusted) == close((p_of_signs.min(axis=1) <= min(p_values) + 1e-9).mean())


def test_a_comparison_made_twice_needs_no_correction_and_one_that_changed_nothing_neither() -> None:
    column = COLUMNS["scores"][:, [0]]
    alone = family(column, [False])[0]
    assert family(np.hstack([column, column, 0 * column]), [False] * 3) == ([*alone * 2, 1.0], [*alone * 2, 1.0])


def test_all_looks_together_spend_five_per_cent() -> None:
    levels = [level(look) for look in range(1, 30)]
    assert levels[:3] == [0.04, 0.003, 0.0015]
    assert sum(levels) < 0.0461
