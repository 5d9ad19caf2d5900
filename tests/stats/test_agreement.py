"""Agreement of judges: equal to published examples and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

from promptgrid import stats
from tests.stats.figures import close


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
