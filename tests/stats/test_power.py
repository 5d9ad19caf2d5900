"""What a comparison over so many cases can find is known before it is made."""

from __future__ import annotations

import numpy as np
import pytest

from promptgrid.stats import compared, mcnemar, reach
from promptgrid.stats.power import DISAGREE, mcnemar_power


@pytest.mark.parametrize(("cases", "difference", "level"), [(20, 0.2, 0.05), (78, 0.1, 0.05), (150, 0.1, 0.01)])
def test_the_power_is_how_often_the_test_finds_the_difference(cases: int, difference: float, level: float) -> None:
    better, worse = (DISAGREE + difference) / 2, (DISAGREE - difference) / 2
    draws = np.random.default_rng(1).multinomial(cases, [better, worse, 1 - DISAGREE], 20_000)
    kinds, counts = np.unique(draws[:, :2], axis=0, return_counts=True)
    hits = [
        count
        for (up, down), count in zip(kinds.tolist(), counts, strict=True)
        if up > down and mcnemar(up, down) < level
    ]
    assert mcnemar_power(cases, difference, level) == pytest.approx(sum(hits) / 20_000, abs=0.015)


def test_the_fewest_pairs_that_can_be_found_are_those_of_the_verdict() -> None:
    assert mcnemar_power(5, 0.3) == 0.0
    five_or_six_the_same_way = DISAGREE**6 + 6 * DISAGREE**5 * (1 - DISAGREE)
    assert mcnemar_power(6, 0.3) == pytest.approx(five_or_six_the_same_way)
    assert compared([1.0] * 6, [0.0] * 6).verdict == "better"


def test_the_cases_needed_bring_a_power_of_four_in_five_and_a_tenth_fewer_do_not() -> None:
    for comparisons in (1, 3, 20):
        needed = reach(10, comparisons).needed
        assert reach(needed, comparisons).power >= 0.8
        assert reach(needed * 9 // 10, comparisons).power < 0.8


def test_power_grows_with_cases_and_falls_with_comparisons() -> None:
    powers = [reach(cases).power for cases in (0, 1, 20, 80, 250, 1_000, 100_000)]
    assert powers == sorted(powers)
    assert powers[0] == 0.0
    assert powers[-1] == pytest.approx(1.0)
    assert reach(100, 5).power < reach(100, 2).power < reach(100).power


def test_the_sentence_says_what_is_seen_and_what_would_be_enough() -> None:
    assert reach(78).sentence == (
        "With 78 cases, a true gain of 10 points is found in about 31 of 100 comparisons; for 80 of 100, about 246"
        " cases are needed."
    )
    assert reach(78).method == ("power of McNemar's test, Duffy 1984, where 30 % of the cases tell the two apart")
    assert "fewer than 1 of 100" in reach(1).sentence
    assert "for 3 comparisons" in reach(80, 3).method
    assert "needed" not in reach(400).sentence
