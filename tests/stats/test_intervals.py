"""Intervals: equal to scipy, statsmodels and published tables; within their ranges for any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference
from statsmodels.stats.proportion import proportion_confint

from promptgrid import stats
from promptgrid.stats import Interval
from tests.stats.figures import near, scores


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 20), (17, 20), (20, 20), (850, 1000), (1, 3)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_is_that_of_statsmodels_and_scipy(k: int, n: int, level: float) -> None:
    assert near(stats.wilson(k, n, level), *proportion_confint(k, n, 1 - level, method="wilson"))
    theirs = reference.binomtest(k, n).proportion_ci(level, method="wilson")
    assert near(stats.wilson(k, n, level), theirs.low, theirs.high)
    assert near(stats.mean_interval([1.0] * k + [0.0] * (n - k), level), theirs.low, theirs.high)


def test_wilson_is_that_of_a_published_table() -> None:
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
    for k, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        interval = stats.wilson(k, n)
        assert interval is not None
        assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_the_same_rate_of_more_cases_is_surer() -> None:
    few, many = stats.wilson(17, 20), stats.wilson(850, 1000)
    assert few is not None
    assert many is not None
    assert few.high - few.low > 0.3
    assert many.high - many.low < 0.046


def test_of_nothing_there_is_no_interval() -> None:
    assert stats.wilson(0, 0) is None
    assert stats.mean_interval([]) is None
    assert stats.mean_interval([None, math.nan]) is None
    assert stats.mean_interval([12.0]) is None


def test_what_is_missing_is_left_out_and_is_not_zero() -> None:
    assert stats.mean_interval([1, None, 1, math.nan, 0.5]) == stats.mean_interval([1, 1, 0.5])


def test_scores_that_are_all_equal_leave_room() -> None:
    for value in (0.0, 0.4, 1.0):
        assert near(stats.mean_interval([value] * 20), *proportion_confint(20 * value, 20, method="wilson"))
    assert near(stats.mean_interval([0.7]), *proportion_confint(0.7, 1, method="wilson"))
    assert stats.mean_interval([31.0] * 20) == Interval(31.0, 31.0)


def test_scores_that_hardly_vary_have_the_interval_of_students_t() -> None:
    values = 0.5 + 0.01 * np.sin(np.arange(200))
    t = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    interval = stats.mean_interval(values)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((t.low, t.high), abs=1e-5)


def test_bca_is_that_of_scipy() -> None:
    values = np.random.default_rng(3).lognormal(5, 1, 40)
    widened = 1 - 2 * reference.norm.cdf(-reference.t.ppf(0.975, 39) * math.sqrt(40 / 39))
    theirs = reference.bootstrap(
        (values,), np.mean, n_resamples=9999, confidence_level=widened, method="BCa", rng=np.random.default_rng(5)
    ).confidence_interval
    assert near(stats.bca_interval(values, seed=5), theirs.low, theirs.high)
    assert stats.mean_interval(values, seed=5) == stats.bca_interval(values, seed=5)


def test_a_mean_that_is_a_hair_more_than_one_is_one() -> None:
    assert stats.mean_interval([1.0000000000000002, 1.0, 1e-17]) == stats.mean_interval([1, 1, 0])


@given(st.lists(scores, max_size=40), st.floats(0.5, 0.99))
@settings(deadline=None)
def test_an_interval_of_scores_holds_their_mean_and_stays_in_range(values: list[float | None], level: float) -> None:
    interval = stats.mean_interval(values, level)
    known = [value for value in values if value is not None]
    if not known:
        assert interval is None
        return
    assert interval is not None
    assert -1e-12 <= interval.low <= np.mean(known) + 1e-9
    assert np.mean(known) - 1e-9 <= interval.high <= 1 + 1e-12
    assert interval.low < interval.high
    mirrored = stats.mean_interval([None if value is None else 1 - value for value in values], level)
    assert mirrored is not None
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_few_values_that_are_no_scores_have_the_interval_of_students_t() -> None:
    values = [12.0, 30.0, 14.0, 11.0, 90.0]
    t = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert near(stats.mean_interval(values), t.low, t.high)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
@settings(max_examples=30, deadline=None)
def test_an_interval_of_any_numbers_holds_their_mean(values: list[float]) -> None:
    interval = stats.mean_interval(values)
    assert interval is not None
    assert interval.low - 1e-6 <= np.mean(values) <= interval.high + 1e-6
