"""What tests of figures share: equal but for rounding, and scores as data have them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import strategies as st

from promptgrid.stats import Interval

close = partial(pytest.approx, rel=1e-9, abs=1e-9)
scores = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5]))


def near(interval: Interval | None, low: Any, high: Any) -> bool:
    assert interval is not None
    return (interval.low, interval.high) == close((low, high))
