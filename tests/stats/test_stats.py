"""The statistics: equal to scipy, statsmodels and published tables; within their ranges whatever comes."""

from __future__ import annotations

import math
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_reference
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from promptgrid import stats
from promptgrid.stats import Interval

close = partial(pytest.approx, rel=1e-9, abs=1e-9)
scores = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5]))


def near(found: Interval | None, low: Any, high: Any) -> bool:
    assert found is not None
    return (found.low, found.high) == close((low, high))


# Intervals


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
        found = stats.wilson(k, n)
        assert found is not None
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)


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
    assert stats.clustered_rate([0, 0], [0, 0]) is None


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
    found = stats.mean_interval(values)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((t.low, t.high), abs=1e-5)


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


def test_many_samples_of_few_cases_are_few_cases() -> None:
    found = stats.clustered_rate([10] * 15 + [0] * 5, [10] * 20)
    assert found == stats.wilson(15, 20)
    assert found != stats.wilson(150, 200)
    assert stats.clustered_rate([3, 5, 0], [5, 5, 0]) == stats.mean_interval([0.6, 1.0])


@given(st.lists(scores, max_size=40), st.floats(0.5, 0.99))
@settings(deadline=None)
def test_an_interval_of_scores_holds_their_mean_and_stays_in_range(values: list[float | None], level: float) -> None:
    found = stats.mean_interval(values, level)
    known = [value for value in values if value is not None]
    if not known:
        assert found is None
        return
    assert found is not None
    assert -1e-12 <= found.low <= np.mean(known) + 1e-9
    assert np.mean(known) - 1e-9 <= found.high <= 1 + 1e-12
    assert found.low < found.high
    mirrored = stats.mean_interval([None if value is None else 1 - value for value in values], level)
    assert mirrored is not None
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-6)


def test_few_values_that_are_no_scores_have_the_interval_of_students_t() -> None:
    values = [12.0, 30.0, 14.0, 11.0, 90.0]
    t = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert near(stats.mean_interval(values), t.low, t.high)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
@settings(max_examples=30, deadline=None)
def test_an_interval_of_any_numbers_holds_their_mean(values: list[float]) -> None:
    found = stats.mean_interval(values)
    assert found is not None
    assert found.low - 1e-6 <= np.mean(values) <= found.high + 1e-6


# Tests and corrections


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
    values = np.round(np.random.default_rng(2).normal(0.12, 0.5, 18), 1)
    theirs = reference.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**18).pvalue
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


# Comparisons


def flags(better: int, worse: int, both: int, neither: int = 0) -> tuple[list[float | None], list[float | None]]:
    a = [1.0] * better + [0.0] * worse + [1.0] * both + [0.0] * neither
    b = [0.0] * better + [1.0] * worse + [1.0] * both + [0.0] * neither
    return list(a), list(b)


def test_pass_and_fail_are_compared_by_mcnemar() -> None:
    found = stats.compared(*flags(10, 2, 8))
    assert found.p == found.p_adjusted == stats.mcnemar(10, 2)
    assert (found.better, found.worse, found.tied, found.n, found.missing) == (10, 2, 8, 20, 0)
    assert found.difference == pytest.approx(0.4)
    # Bonett and Price: (b + 1) / (n + 2) = 0.5 and (c + 1) / (n + 2) = 3 / 22, z = 1.959964
    half = 1.959963984540054 * math.sqrt((0.5 + 3 / 22 - (0.5 - 3 / 22) ** 2) / 22)
    assert near(found.interval, 0.5 - 3 / 22 - half, 0.5 - 3 / 22 + half)
    assert (found.verdict, found.cases_needed) == ("better", 0)
    assert stats.compared(*reversed(flags(10, 2, 8))).verdict == "worse"


def test_scores_are_compared_by_changing_signs() -> None:
    a, b = [0.6, 0.8, 1.0, 0.4, 1.0, 0.8, 1.0], [0.4, 0.4, 0.8, 0.2, 0.4, 0.6, 0.8]
    found = stats.compared(a, b)
    assert found.p == 2 / 2**7
    assert found.verdict == "better"


def test_a_case_without_both_scores_is_left_out_and_counted() -> None:
    a, b = flags(10, 2, 8)
    found = stats.compared([*a, None, 1.0, None], [*b, 1.0, None, None])
    assert (found.n, found.missing) == (20, 3)
    assert found.p == stats.compared(a, b).p
    assert "3 cases left out: a score is missing." in found.sentence("A", "B")


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
    found = stats.compared(*flags(4, 1, 15))
    assert found.cases_needed is not None
    total = 20 + found.cases_needed
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(total, [4 / 20, 1 / 20, 15 / 20], size=2000)
    shown = np.mean([stats.mcnemar(int(b), int(c)) < 0.05 for b, c, _ in drawn])
    assert 0.7 < shown < 0.9
    assert stats.compared(*flags(3, 3, 14)).cases_needed is None


def test_many_comparisons_ask_for_more_evidence() -> None:
    a, b = flags(8, 1, 11)
    alone = stats.compared(a, b)
    among = stats.compared_all(b, [a, b, b, b])
    assert alone.verdict == "better"
    assert among[0].p == alone.p
    assert among[0].p_adjusted == pytest.approx(4 * (alone.p or 0))
    assert among[0].verdict == "needs more"
    assert [found.verdict for found in among[1:]] == ["not distinguishable"] * 3
    assert stats.compared_all(b, []) == []


def test_sentences_are_plain() -> None:
    assert stats.compared(*flags(10, 0, 10)).sentence("few-shot", "zero-shot") == (
        "few-shot is better than zero-shot over 20 cases: 100 % against 50 %, a difference of +50 points"
        " (95 % interval +21 to +70); p = 0.002."
    )
    assert stats.compared(*flags(1, 1, 18)).sentence("A", "B") == (
        "A and B are not distinguishable over 20 cases: 95 % against 95 %;"
        " a difference from −18 to +18 points is possible."
    )
    assert stats.compared(*flags(4, 1, 15)).sentence("A", "B") == (
        "20 cases are too few to tell A from B: 95 % against 80 %."
        " If the difference is what it looks like, about 65 more would show it."
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


# Samples of one case


def test_pass_at_k_is_the_share_of_all_choices() -> None:
    for n, c in [(5, 2), (7, 0), (6, 6)]:
        passed = [i < c for i in range(n)]
        for k in range(1, n + 1):
            chosen = list(combinations(passed, k))
            assert stats.pass_at_k(n, c, k) == close(np.mean([any(x) for x in chosen]))
            assert stats.pass_hat_k(n, c, k) == close(np.mean([all(x) for x in chosen]))
    assert stats.pass_at_k(5, 2, 6) is None
    assert stats.pass_hat_k(5, 2, 0) is None
    assert stats.pass_at_k(0, 0, 1) is None


@given(st.lists(st.integers(0, 50), max_size=8))
@settings(max_examples=50, deadline=None)
def test_entropy_is_that_of_scipy(counts: list[int]) -> None:
    if sum(counts) == 0:
        assert stats.entropy(counts) is None
    else:
        assert stats.entropy(counts) == close(float(reference.entropy(counts, base=2)))


def test_a_margin_is_the_lead_over_the_second() -> None:
    assert stats.vote_margin([2, 7, 1]) == pytest.approx(0.5)
    assert stats.vote_margin([4]) == 1.0
    assert stats.vote_margin([3, 3]) == 0.0
    assert stats.vote_margin([]) is stats.vote_margin([0]) is None


def test_similarity_is_one_minus_edits_per_character() -> None:
    assert stats.mean_similarity(["kitten", "sitting"]) == pytest.approx(1 - 3 / 7)
    assert stats.mean_similarity(["a", "a", "b"]) == pytest.approx(1 / 3)
    assert stats.mean_similarity(["", ""]) == 1.0
    assert stats.mean_similarity(["\ud800 我", "\ud800 我"]) == 1.0
    assert stats.mean_similarity(["alone"]) is None


def test_similarity_of_many_texts_is_drawn_and_stays_the_same() -> None:
    texts = ["same " * 10_000] * 50 + ["other"] * 50
    drawn = stats.mean_similarity(texts, seed=1)
    assert drawn == stats.mean_similarity(texts, seed=1)
    assert drawn == pytest.approx(49 / 99, abs=0.15)


# Agreement


def test_krippendorff_is_that_of_his_examples() -> None:
    # Krippendorff (2011), "Computing Krippendorff's alpha-reliability", examples A (binary) and C (four observers).
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert stats.krippendorff_alpha(list(zip(meg, owen, strict=True))) == pytest.approx(0.095, abs=5e-4)
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[None if name == "." else name for name in unit] for unit in zip(*observers, strict=True)]
    assert stats.krippendorff_alpha(units) == close(113 / 152)  # 0.743


def test_krippendorff_of_complete_ratings_follows_from_fleiss() -> None:
    table = np.random.default_rng(4).integers(0, 3, (25, 4))
    kappa = fleiss_kappa(aggregate_raters(table)[0])
    expected = 1 - (1 - kappa) * (table.size - 1) / table.size
    assert stats.krippendorff_alpha(table.tolist()) == close(expected)


def test_kappa_is_that_of_statsmodels() -> None:
    a, b = np.random.default_rng(6).integers(0, 3, (2, 60))
    counts = np.zeros((3, 3))
    np.add.at(counts, (a, b), 1)
    assert stats.cohen_kappa([*a, None, 1], [*b, 1, None]) == close(cohens_kappa(counts).kappa)


def test_where_there_is_nothing_to_agree_about_there_is_no_agreement() -> None:
    assert stats.cohen_kappa([], []) is None
    assert stats.cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert stats.krippendorff_alpha([]) is None
    assert stats.krippendorff_alpha([["a", "a"], ["a", None]]) is None
    assert stats.krippendorff_alpha([["a"], [None, "b"]]) is None


# Rankings


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
    found = stats.bradley_terry(wins.tolist())
    assert not found.regularised
    assert [s for s, _ in found.strengths] == close(list(strengths - strengths.mean()))
    centre = np.eye(4) - 0.25
    spread = np.zeros((4, 4))
    spread[1:, 1:] = fitted.cov_params()
    errors = np.sqrt(np.diag(centre @ spread @ centre))
    widths = [i.high - i.low for _, i in found.strengths]
    assert widths == pytest.approx(list(2 * 1.959963984540054 * errors), rel=1e-7)


def test_two_competitors_have_the_log_of_their_odds() -> None:
    (first, _), (second, _) = stats.bradley_terry([[0, 6], [2, 0]]).strengths
    assert first - second == close(math.log(3))


def test_who_wins_everything_or_was_never_met_has_a_finite_strength() -> None:
    for wins in ([[0, 3], [0, 0]], [[0, 0], [0, 0]], [[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 1, 0]]):
        found = stats.bradley_terry(wins)
        assert found.regularised
        assert all(math.isfinite(s) and i.low < s < i.high for s, i in found.strengths)
    (winner, _), (loser, _) = stats.bradley_terry([[0, 3], [0, 0]]).strengths
    assert winner > loser
    assert stats.bradley_terry([]).strengths == ()
    assert stats.bradley_terry([[0]]).strengths == ((0.0, Interval(0.0, 0.0)),)


@given(
    st.integers(2, 6).flatmap(
        lambda k: st.lists(st.lists(st.integers(0, 9), min_size=k, max_size=k), min_size=k, max_size=k)
    )
)
@settings(max_examples=60, deadline=None)
def test_any_votes_give_a_ranking(wins: list[list[int]]) -> None:
    found = stats.bradley_terry(wins)
    assert sum(s for s, _ in found.strengths) == pytest.approx(0, abs=1e-6)
    turned = stats.bradley_terry(np.array(wins).T.tolist())
    assert [s for s, _ in turned.strengths] == pytest.approx([-s for s, _ in found.strengths], abs=1e-6)


def test_the_side_that_wins_too_often_is_seen() -> None:
    found = stats.position_bias(18, 2, 5)
    assert (found.share, found.decided, found.ties) == (0.9, 20, 5)
    assert found.p == close(reference.binomtest(18, 20).pvalue)
    assert found.interval == stats.wilson(18, 20)
    assert stats.position_bias(0, 0, 3).share is None
