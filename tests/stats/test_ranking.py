"""Rankings from votes between two: equal to a logistic regression."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from promptgrid import stats
from promptgrid.stats import Interval
from tests.stats.figures import close


def test_strengths_are_those_of_a_logistic_regression() -> None:
    wins = np.array([[0, 7, 4.5, 3], [3, 0, 6, 5], [2.5, 1, 0, 4], [4, 2, 3, 0]])
    rows, shares, weights = [], [], []
    for i, j in combinations(range(4), 2):
        row = np.zeros(4)
        row[i], row[j] = 1, -1
        rows.append(row[1:])
        weights.append(wins[i, j] + wins[j, i])
        shares.append(wins[i, j] / weights[-1])
    fitted = GLM(shares, np.array(rows), family=Binomial(), var_weights=weights).fit(tol=1e-14)
    strengths = np.array([0, *fitted.params])
    ranking = stats.bradley_terry(wins.tolist())
    assert not ranking.regularised
    assert [s for s, _ in ranking.strengths] == close(list(strengths - strengths.mean()))
    centre = np.eye(4) - 0.25
    spread = np.zeros((4, 4))
    spread[1:, 1:] = fitted.cov_params()
    errors = np.sqrt(np.diag(centre @ spread @ centre))
    widths = [i.high - i.low for _, i in ranking.strengths]
    assert widths == pytest.approx(list(2 * 1.959963984540054 * errors), rel=1e-7)


def test_two_competitors_have_the_log_of_their_odds() -> None:
    (first, _), (second, _) = stats.bradley_terry([[0, 6], [2, 0]]).strengths
    assert first - second == close(math.log(3))


def test_who_wins_everything_or_was_never_met_has_a_finite_strength() -> None:
    for wins in ([[0, 3], [0, 0]], [[0, 0], [0, 0]], [[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 1, 0]]):
        ranking = stats.bradley_terry(wins)
        assert ranking.regularised
        assert all(math.isfinite(s) and i.low < s < i.high for s, i in ranking.strengths)
    (winner, _), (loser, _) = stats.bradley_terry([[0, 3], [0, 0]]).strengths
    assert winner > loser
    assert stats.bradley_terry([]).strengths == ()
    assert stats.bradley_terry([[0]]).strengths == ((0.0, Interval(0.0, 0.0)),)


def test_the_share_of_two_is_the_odds_between_them_with_walds_interval() -> None:
    ranking = stats.bradley_terry([[0, 15], [5, 0]])
    (share, interval), _ = ranking.shares
    half = 1.959963984540054 * math.sqrt(1 / 15 + 1 / 5)
    ends = [1 / (1 + math.exp(-(math.log(3) + sign * half))) for sign in (-1, 1)]
    assert [share, interval.low, interval.high] == close([0.75, *ends])
    assert ranking.apart[0][1] == close(2 * reference.norm.sf(math.log(3) / math.sqrt(1 / 15 + 1 / 5)))


def test_votes_on_an_item_weigh_as_much_as_they_differ() -> None:
    items = [(n, judge, float(n < 13)) for n in range(20) for judge in range(5)]
    alike = stats.independent_wins(2, [stats.PairVote(n, 0, 1, won) for n, _, won in items])
    assert np.array(alike) == close(np.array([[0.0, 13.0], [7.0, 0.0]]))  # 5 who agree are one
    turned = stats.independent_wins(2, [stats.PairVote(n, 1, 0, 1 - won) for n, _, won in items])
    assert np.array(turned) == close(np.array(alike))
    apart = stats.independent_wins(2, [stats.PairVote((n, judge), 0, 1, won) for n, judge, won in items])
    assert np.array(apart) == close(np.array([[0.0, 65.0], [35.0, 0.0]]))
    generator = np.random.default_rng(0)
    chance = [stats.PairVote(n, 0, 1, float(generator.random() < 0.6)) for n in range(400) for _ in range(5)]
    assert np.array(stats.independent_wins(2, chance)).sum() > 1_700  # of 2,000: independent but for chance
    assert stats.independent_wins(3, []) == [[0.0] * 3] * 3


@given(
    st.integers(2, 6).flatmap(
        lambda k: st.lists(st.lists(st.integers(0, 9), min_size=k, max_size=k), min_size=k, max_size=k)
    )
)
@settings(max_examples=60, deadline=None)
def test_any_votes_give_a_ranking(wins: list[list[int]]) -> None:
    ranking = stats.bradley_terry(wins)
    assert sum(s for s, _ in ranking.strengths) == pytest.approx(0, abs=1e-6)
    turned = stats.bradley_terry(np.array(wins).T.tolist())
    assert [s for s, _ in turned.strengths] == pytest.approx([-s for s, _ in ranking.strengths], abs=1e-6)


def test_the_side_that_wins_too_often_is_seen() -> None:
    bias = stats.position_bias(18, 2, 5)
    assert (bias.share, bias.decided, bias.ties) == (0.9, 20, 5)
    assert bias.p == close(reference.binomtest(18, 20).pvalue - reference.binom.pmf(18, 20, 0.5))
    assert bias.interval == stats.wilson(18, 20)
    assert stats.position_bias(0, 0, 3).share is None
