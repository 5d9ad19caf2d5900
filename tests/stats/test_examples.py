"""What orders and examples do to a score is found where it is planted, and not where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fewshot import by_order, by_subset
from promptgrid.stats.examples import example_worths, order_spread


@pytest.mark.parametrize("sd", [0.0, 0.08, 0.15])
def test_the_interval_of_the_order_s_effect_holds_the_planted_one(sd: float) -> None:
    rng = np.random.default_rng(3)
    spreads = [order_spread(by_order(rng, sd)) for _ in range(300)]
    held = [one is not None and one.low <= sd <= one.high for one in spreads]
    assert 0.92 <= np.mean(held) <= 1.0


def test_too_few_orders_say_nothing_and_cases_without_a_score_are_left_out() -> None:
    rng = np.random.default_rng(1)
    assert order_spread(by_order(rng, 0.1, orders=4)) is None
    table = by_order(rng, 0.1)
    table[:10, 2] = np.nan
    spread = order_spread(table)
    assert spread is not None
    assert spread.cases == 50
    same = order_spread(np.tile([0.2, 0.4, 0.6, 0.4, 0.4], (9, 1)))
    assert same is not None
    assert same.sd == pytest.approx(np.std([0.2, 0.4, 0.6, 0.4, 0.4], ddof=1))
    assert same.low < same.sd < same.high


def test_a_harmful_example_is_last_and_flagged_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    last, flagged, false = 0, 0, 0
    for _ in range(60):
        found = example_worths(*by_subset(rng, [0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, -0.2]))
        last += found[-1].example == 7
        flagged += any(one.harmful for one in found if one.example == 7)
        false += any(one.harmful for one in found if one.example != 7)
    assert last >= 57
    assert flagged >= 50
    assert false <= 3


def test_where_all_examples_are_alike_few_are_called_harmful_and_intervals_hold() -> None:
    rng = np.random.default_rng(6)
    runs = [example_worths(*by_subset(rng, [0.02] * 8)) for _ in range(150)]
    assert np.mean([any(one.harmful for one in run) for run in runs]) <= 0.05
    assert 0.92 <= np.mean([one.low <= 0.02 <= one.high for run in runs for one in run]) <= 0.98


def test_sets_of_one_size_tell_only_which_are_better_than_the_average() -> None:
    rng = np.random.default_rng(8)
    scores, cases, shown = by_subset(rng, [0.15] * 7 + [0.0])
    full = [at for at, each in enumerate(shown) if len(each) == 4]
    found = example_worths([scores[at] for at in full], [cases[at] for at in full], [shown[at] for at in full])
    assert (found[-1].example, found[-1].below, found[-1].harmful) == (7, True, False)
    assert sum(one.points for one in found) == pytest.approx(0)


def test_examples_that_are_always_shown_have_no_worth() -> None:
    assert example_worths([1.0, 0.0, 1.0], [0, 1, 2], [[0], [0], [0]]) == []
    assert example_worths([], [], []) == []
