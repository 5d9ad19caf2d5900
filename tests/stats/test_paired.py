"""Two variants over the same cases: equal to scipy, and sentences that are plain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid import stats
from promptgrid.stats.chance import level
from tests.stats.figures import near, scores


def flags(better: int, worse: int, both: int, neither: int = 0) -> tuple[list[float | None], list[float | None]]:
    a = [1.0] * better + [0.0] * worse + [1.0] * both + [0.0] * neither
    b = [0.0] * better + [1.0] * worse + [1.0] * both + [0.0] * neither
    return list(a), list(b)


def test_pass_and_fail_are_compared_by_mcnemar() -> None:
    comparison = stats.compared(*flags(10, 2, 8))
    assert comparison.p == comparison.p_adjusted == stats.mcnemar(10, 2)
    assert (comparison.better, comparison.worse, comparison.tied, comparison.n, comparison.missing) == (10, 2, 8, 20, 0)
    assert comparison.difference == pytest.approx(0.4)
    # Bonett and Price: (b + 1) / (n + 2) = 0.5 and (c + 1) / (n + 2) = 3 / 22, z = 1.959964
    half = 1.959963984540054 * math.sqrt((0.5 + 3 / 22 - (0.5 - 3 / 22) ** 2) / 22)
    assert near(comparison.interval, 0.5 - 3 / 22 - half, 0.5 - 3 / 22 + half)
    assert (comparison.verdict, comparison.cases_needed) == ("better", 0)
    assert stats.compared(*reversed(flags(10, 2, 8))).verdict == "worse"


def test_scores_are_compared_by_changing_signs() -> None:
    a, b = [0.6, 0.8, 1.0, 0.4, 1.0, 0.8, 1.0], [0.4, 0.4, 0.8, 0.2, 0.4, 0.6, 0.8]
    comparison = stats.compared(a, b)
    assert comparison.p == 2 / 2**7
    assert comparison.verdict == "better"


def test_a_case_without_both_scores_is_left_out_and_counted() -> None:
    a, b = flags(10, 2, 8)
    comparison = stats.compared([*a, None, 1.0, None], [*b, 1.0, None, None])
    assert (comparison.n, comparison.missing) == (20, 3)
    assert comparison.p == stats.compared(a, b).p
    assert "3 cases left out: a score is missing." in comparison.sentence("A", "B")


def test_the_verdict_says_what_the_evidence_says() -> None:
    assert stats.compared(*flags(0, 0, 20)).verdict == "not distinguishable"
    assert stats.compared(*flags(0, 0, 5)).verdict == "needs more"
    assert stats.compared(*flags(5, 0, 0)).verdict == "needs more"
    assert stats.compared(*flags(6, 0, 0)).verdict == "better"
    assert stats.compared(*flags(4, 1, 15)).verdict == "needs more"
    assert stats.compared(*flags(40, 39, 21)).verdict == "not distinguishable"
    nothing = stats.compared([None], [1.0])
    assert (nothing.verdict, nothing.n, nothing.p, nothing.difference) == ("needs more", 0, None, None)


def test_the_cases_needed_would_show_the_difference_in_four_of_five_tries() -> None:
    comparison = stats.compared(*flags(4, 1, 15))
    assert comparison.cases_needed is not None
    total = 20 + comparison.cases_needed
    generator = np.random.default_rng(0)
    tables = generator.multinomial(total, [4 / 20, 1 / 20, 15 / 20], size=2000)
    share = np.mean([stats.mcnemar(int(b), int(c)) < level(2) for b, c, _ in tables])
    assert 0.7 < share < 0.9
    assert stats.compared(*flags(3, 3, 14)).cases_needed is None


def test_many_comparisons_ask_for_more_evidence() -> None:
    a, b = flags(8, 1, 11)
    alone = stats.compared(a, b)
    generator = np.random.default_rng(0)
    others = [generator.permutation(np.array(a)).tolist() for _ in range(4)]
    among = stats.compared_all(b, [a, *others])
    assert alone.verdict == "better"
    assert among[0].p == alone.p
    assert 2 * (alone.p or 0) < (among[0].p_adjusted or 0) < 5 * (alone.p or 0)
    assert (among[0].among, among[0].verdict) == (5, "needs more")
    assert stats.compared_all(b, []) == []


def test_columns_that_say_the_same_ask_for_no_more_evidence() -> None:
    a, b = [0.6, 0.8, 1.0, 0.4, 1.0, 0.8, 1.0], [0.4, 0.4, 0.8, 0.2, 0.4, 0.6, 0.8]
    assert [one.p_adjusted for one in stats.compared_all(b, [a, a, a])] == [2 / 2**7] * 3


def test_families_that_are_read_together_are_corrected_together() -> None:
    (one,) = stats.compared_pairs([flags(8, 1, 11)], families=3)
    assert one.p_adjusted == pytest.approx(3 * stats.mcnemar(8, 1))
    assert (one.among, one.verdict) == (3, "needs more")


def test_a_second_look_asks_for_more_evidence_and_says_so() -> None:
    first, second = stats.compared(*flags(9, 1, 10)), stats.compared(*flags(9, 1, 10), look=2)
    assert (first.p, first.verdict, first.level) == (second.p, "better", 0.04)
    assert (second.verdict, second.level) == ("needs more", 0.003)
    surely = stats.compared(*flags(18, 2, 20), look=2)
    assert surely.verdict == "better"
    assert surely.sentence("A", "B").endswith("p < 0.001, below 0.003, the limit of look 2.")


def test_sentences_are_plain() -> None:
    assert stats.compared(*flags(10, 0, 10)).sentence("few-shot", "zero-shot") == (
        "few-shot is better than zero-shot over 20 cases: 100 % against 50 %, a difference of +50 points"
        " (95 % interval +21 to +70); p < 0.001."
    )
    assert stats.compared(*flags(1, 1, 18)).sentence("A", "B") == (
        "A and B are not distinguishable over 20 cases: 95 % against 95 %;"
        " a difference from −18 to +18 points is possible."
    )
    assert stats.compared(*flags(4, 1, 15)).sentence("A", "B") == (
        "20 cases are too few to tell A from B: 95 % against 80 %."
        " If the difference is as observed, about 138 more cases would show it, at p < 0.003, the limit of look 2."
    )
    assert stats.compared([1.0], [1.0]).sentence("A", "B") == "1 case is too few to tell A from B: 100 % against 100 %."
    assert stats.compared([], []).sentence("A", "B") == "No case has a score of both A and B."


@given(st.lists(st.tuples(scores, scores), max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_comparison_turned_round_says_the_opposite(pairs: list[tuple[float | None, float | None]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    one, other = stats.compared(a, b), stats.compared(b, a)
    assert one.p == other.p
    assert one.n + one.missing == len(pairs)
    assert one.better + one.worse + one.tied == one.n
    assert (one.better, one.worse) == (other.worse, other.better)
    opposite = {"better": "worse", "worse": "better"}
    assert other.verdict == opposite.get(one.verdict, one.verdict)
    if one.interval is not None and other.interval is not None and one.difference is not None:
        assert -1 <= one.interval.low < one.interval.high <= 1
        assert one.interval.low == pytest.approx(-other.interval.high, abs=1e-6)
    assert one.sentence("A", "B")
