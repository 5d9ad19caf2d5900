"""Surprise in bits, and perplexity."""

from __future__ import annotations

import math

import pytest

from promptgrid import nextword
from promptgrid.endpoint.base import TokenStep


def test_surprise_and_perplexity() -> None:
    assert nextword.bits(math.log(0.25)) == pytest.approx(2)
    steps = [TokenStep(b"a", None), TokenStep(b"b", math.log(0.5)), TokenStep(b"c", math.log(0.125))]
    assert nextword.perplexity(steps) == pytest.approx(4)
    assert nextword.perplexity([TokenStep(b"a", None)]) is None
    assert nextword.perplexity([TokenStep(b"a", -9999.0)]) == math.inf
