"""What is claimed together is corrected together."""

from __future__ import annotations

import numpy as np

from promptgrid.compare.families import of_columns, of_two_runs

SCORES = np.random.default_rng(0).integers(0, 2, (6, 40)).astype(float)
NONE = np.full((1, 40), np.nan)


def test_two_runs_with_one_variant_make_one_comparison_and_with_more_one_over_all_of_them() -> None:
    one, together = of_two_runs(SCORES[:1], SCORES[1:2])
    assert one == together
    assert one is not None
    assert one.among == 1
    for compared in of_two_runs(SCORES[:2], SCORES[2:4]):
        assert compared is not None
        assert compared.among == 3
        assert compared.p_adjusted is not None
        assert compared.p is not None
        assert compared.p_adjusted > compared.p
    assert of_two_runs(np.empty((0, 40)), np.empty((0, 40))) == [None]


def test_a_variant_that_is_scored_in_one_run_only_is_not_compared_and_asks_for_no_correction() -> None:
    first, gone, together = of_two_runs(np.vstack([SCORES[:1], NONE]), SCORES[2:4])
    assert gone is None
    assert first == together
    assert first is not None
    assert first.among == 1


def test_the_mark_for_the_best_is_in_the_family_of_the_columns() -> None:
    ordered = SCORES[np.argsort(SCORES.mean(axis=1))].T
    from_worst, _ = of_columns(ordered, range(6))
    from_best, _ = of_columns(ordered, range(5, -1, -1))
    assert {one.among for one in from_worst.values()} == {5 + 4}
    assert {one.among for one in from_best.values()} == {5}


def test_runs_that_one_verdict_compares_with_are_one_family() -> None:
    (alone, _), (of_two, _) = (of_two_runs(SCORES[:1], SCORES[1:2], families=n) for n in (1, 2))
    assert alone is not None
    assert of_two is not None
    assert (of_two.among, of_two.p_adjusted) == (2, min(1.0, 2 * (alone.p_adjusted or 0)))
