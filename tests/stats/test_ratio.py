from __future__ import annotations

import math

import numpy as np
import pytest

from promptgrid.stats.ratio import ratio_interval


def test_the_interval_of_a_ratio_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for seed in range(200):
        costs = rng.gamma(4.0, 0.5, 60)  # mean 2
        correct = (rng.random(60) < 0.5).astype(np.float64)
        interval = ratio_interval(costs, correct, seed=seed)
        assert interval is not None
        inside += interval.low <= 4.0 <= interval.high
    assert 0.90 <= inside / 200 <= 0.99


def test_where_resamples_have_no_correct_answer_the_interval_is_open_above() -> None:
    interval = ratio_interval(np.ones(10), np.array([1.0, *[0.0] * 9]))
    assert interval is not None
    assert interval.low == pytest.approx(10 / 4, rel=0.4)
    assert interval.high == math.inf


def test_a_single_case_gives_no_interval() -> None:
    assert ratio_interval(np.ones(1), np.ones(1)) is None


def test_the_same_seed_gives_the_same_interval_in_bounded_memory() -> None:
    costs, correct = np.ones(100_000), np.tile([0.0, 1.0], 50_000)
    assert ratio_interval(costs[:1000], correct[:1000]) == ratio_interval(costs[:1000], correct[:1000])
