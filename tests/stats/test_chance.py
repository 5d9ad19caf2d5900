"""P-values and their correction: equal to scipy and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_reference
from statsmodels.stats.multitest import multipletests

from promptgrid import stats
from tests.stats.figures import close


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (6, 0), (10, 2), (7, 7), (121, 59), (3, 40)])
def test_mcnemar_is_the_exact_one(b: int, c: int) -> None:
    assert stats.mcnemar(b, c) == close(mcnemar_reference([[0, b], [c, 0]], exact=True).pvalue)
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
    found = stats.paired_permutation(list(values))
    assert found == pytest.approx(theirs, abs=4 * math.sqrt(theirs * (1 - theirs) / 9999))
    assert found == stats.paired_permutation(list(values))
    assert found == stats.paired_permutation(list(-values))


def test_a_permutation_p_is_never_zero_and_of_nothing_there_is_none() -> None:
    assert stats.paired_permutation([0.5] * 1000) == 1e-4
    assert stats.paired_permutation([0.0] * 7) == 1.0
    assert stats.paired_permutation([]) is None
    assert stats.paired_permutation([None]) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=10, deadline=None)  # theirs takes a fifth of a second
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert stats.holm(p_values) == close(list(multipletests(p_values, method="holm")[1]))
    assert stats.holm([None, *p_values]) == [None, *stats.holm(p_values)]
