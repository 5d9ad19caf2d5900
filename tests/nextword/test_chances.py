"""A distribution at another temperature and top_p: what is certain, and no more."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid import nextword
from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword import Chances, reshape
from tests.nextword.likely import SOME, chances


def test_at_temperature_1_everything_is_as_the_model_holds_it() -> None:
    shares = reshape(SOME, 1.0)
    assert [share.low for share in shares.tokens] == pytest.approx([0.5, 0.2, 0.1])
    assert [share.high for share in shares.tokens] == pytest.approx([0.5, 0.2, 0.1])
    assert shares.rest.middle == pytest.approx(SOME.rest) == pytest.approx(0.2)


def test_at_temperature_0_the_likeliest_has_it_all() -> None:
    shares = reshape(SOME, 0.0)
    assert [share.low for share in shares.tokens] == [1.0, 0.0, 0.0]
    assert shares.rest.high == 0


def test_the_formula_by_hand_where_nothing_is_hidden() -> None:
    weights = [math.sqrt(p) for p in (0.7, 0.2, 0.1)]
    shares = reshape(chances([0.7, 0.2, 0.1]), 2.0)
    assert [s.low for s in shares.tokens] == pytest.approx([w / sum(weights) for w in weights])
    assert [s.high for s in shares.tokens] == pytest.approx([w / sum(weights) for w in weights])


def test_top_p_keeps_the_fewest_that_hold_it_after_the_temperature() -> None:
    assert [s.middle for s in reshape(chances([0.5, 0.3, 0.2]), 1.0, 0.5).tokens] == pytest.approx([1, 0, 0])
    assert [s.middle for s in reshape(chances([0.5, 0.3, 0.2]), 1.0, 0.51).tokens] == pytest.approx([0.625, 0.375, 0])
    # the square root leaves the first 0.416: it does not hold half any more
    assert [s.middle > 0 for s in reshape(chances([0.5, 0.3, 0.2]), 2.0, 0.5).tokens] == [True, True, False]


def test_where_the_rest_decides_nothing_is_claimed() -> None:
    hot = reshape(SOME, 1.9, vocabulary=50_000)
    assert hot.tokens[0].low < 0.05 < hot.tokens[0].high
    assert hot.rest.low < hot.rest.high
    assert None in reshape(SOME, 1.9, 0.5, vocabulary=50_000).kept


def test_nothing_shown_is_all_rest() -> None:
    assert reshape(Chances(()), 0.7).rest.low == 1


@given(
    st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=40),
    st.integers(1, 39),
    st.floats(0.05, 2.0),
    st.floats(0.05, 1.0),
)
def test_the_truth_lies_within_what_is_told(weights: list[float], count: int, temperature: float, top_p: float) -> None:
    whole = sorted((weight / sum(weights) for weight in weights), reverse=True)
    truth = reshape(chances(whole), temperature, top_p, len(whole))
    shares = reshape(chances(whole[:count]), temperature, top_p, len(whole))
    for true, share in zip(truth.tokens, shares.tokens, strict=False):
        assert share.low - 1e-6 <= true.middle <= share.high + 1e-6
    for share in (*shares.tokens, shares.rest):
        assert 0 <= share.low <= share.high <= 1 + 1e-9


def test_surprise_and_perplexity() -> None:
    assert nextword.bits(math.log(0.25)) == pytest.approx(2)
    steps = [TokenStep(b"a", None), TokenStep(b"b", math.log(0.5)), TokenStep(b"c", math.log(0.125))]
    assert nextword.perplexity(steps) == pytest.approx(4)
    assert nextword.perplexity([TokenStep(b"a", None)]) is None
    assert nextword.perplexity([TokenStep(b"a", -9999.0)]) == math.inf
