"""The statistics keep their word: few false claims, intervals that hold the truth. Drawn from seeds, so never by luck.

The whole of it is benchmarks/evidence.py.
"""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks import evidence
from promptgrid import stats

RUNS = 400
ALLOWANCE = 0.022  # two standard errors of a share of 95 % in so many runs


def test_wilson_holds_the_rate_as_often_as_it_says() -> None:
    for cases in (5, 20, 100):
        mean, _ = evidence.wilson_coverage(cases)
        assert 0.94 < mean < 0.96


@pytest.mark.parametrize("shape", ["even", "mostly right", "all or nothing"])
@pytest.mark.parametrize("cases", [20, 60])
def test_the_interval_of_pass_rates_counts_cases_and_holds_their_mean(shape: str, cases: int) -> None:
    draw = partial(evidence.pass_rates, evidence.HARD[shape])
    held = evidence.coverage(draw, cases, stats.mean_interval, runs=RUNS)
    assert 0.93 - ALLOWANCE < held < 0.97 + ALLOWANCE


def test_the_bootstrap_holds_the_mean_of_skewed_lengths() -> None:
    held = evidence.coverage(partial(evidence.lengths, 0.5), 60, stats.mean_interval, runs=RUNS // 2)
    assert 0.93 - 1.5 * ALLOWANCE < held < 0.97 + ALLOWANCE


@pytest.mark.parametrize("samples", [1, evidence.SAMPLES])
def test_a_difference_is_rarely_claimed_where_there_is_none(samples: int) -> None:
    after, before = evidence.false_claims(30, samples, runs=RUNS)
    assert after <= 0.05
    assert before > after


@pytest.mark.parametrize("variants", [2, 4])
def test_all_that_a_page_claims_of_equal_variants_is_one_claim(variants: int) -> None:
    of_run, of_two_runs = evidence.family_claims(60, variants, runs=RUNS)
    assert of_run <= 0.05
    assert of_two_runs <= 0.05


def test_the_mark_for_the_best_is_corrected_with_the_other_claims() -> None:
    assert evidence.two_alike_pairs(100, runs=RUNS) <= 0.05


def test_five_looks_claim_no_more_than_one() -> None:
    assert evidence.claims_over_looks(20, 5, runs=RUNS) <= 0.05
    assert evidence.claims_over_looks(20, 5, runs=RUNS // 2, honest=False) > 0.08


@pytest.mark.parametrize("judges", [1, 3, 5])
def test_shares_of_wins_hold_whatever_the_number_of_judges_on_a_pair(judges: int) -> None:
    assert 0.93 - ALLOWANCE < evidence.vote_coverage(2, 40, judges, runs=RUNS) < 0.97 + ALLOWANCE


@pytest.mark.parametrize("samples", [1, evidence.SAMPLES])
def test_the_interval_of_a_difference_holds_it(samples: int) -> None:
    assert 0.93 - ALLOWANCE < evidence.difference_coverage(40, samples, runs=RUNS) < 0.97 + ALLOWANCE


def test_a_real_difference_is_found() -> None:
    assert evidence.power(100, evidence.SAMPLES, 0.2, runs=60) > 0.95
