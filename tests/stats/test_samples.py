"""Samples of one case: passing, entropy, margins and likeness."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from promptgrid import stats
from tests.stats.figures import close


def test_pass_at_k_is_the_share_of_all_choices() -> None:
    for n, c in [(5, 2), (7, 0), (6, 6)]:
        passed = [i < c for i in range(n)]
        for k in range(1, n + 1):
            choices = list(combinations(passed, k))
            assert stats.pass_at_k(n, c, k) == close(np.mean([any(x) for x in choices]))
    assert stats.pass_at_k(5, 2, 6) is None
    assert stats.pass_at_k(5, 2, 0) is None
    assert stats.pass_at_k(0, 0, 1) is None


@given(st.lists(st.integers(0, 50), max_size=8))
@settings(max_examples=50, deadline=None)
def test_entropy_is_that_of_scipy(counts: list[int]) -> None:
    if sum(counts) == 0:
        assert stats.entropy(counts) is None
    else:
        assert stats.entropy(counts) == close(float(reference.entropy(counts, base=2)))


def test_similarity_is_one_minus_edits_per_character() -> None:
    assert stats.mean_similarity(["kitten", "sitting"]) == pytest.approx(1 - 3 / 7)
    assert stats.mean_similarity(["a", "a", "b"]) == pytest.approx(1 / 3)
    assert stats.mean_similarity(["", ""]) == 1.0
    assert stats.mean_similarity(["\ud800 我", "\ud800 我"]) == 1.0
    assert stats.mean_similarity(["alone"]) is None


def test_similarity_of_many_texts_is_drawn_and_stays_the_same() -> None:
    texts = ["same " * 10_000] * 50 + ["other"] * 50
    similarity = stats.mean_similarity(texts, seed=1)
    assert similarity == stats.mean_similarity(texts, seed=1)
    assert similarity == pytest.approx(49 / 99, abs=0.15)
