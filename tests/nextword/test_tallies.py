"""Samples held against the distribution."""

from __future__ import annotations

from promptgrid import nextword
from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword import reshape
from tests.nextword.likely import SOME


def test_samples_are_held_against_the_curve() -> None:
    times = {0: 30, 1: 9, 2: 25, 77: 10}
    samples = [*(TokenStep(b"", None, token) for token, count in times.items() for _ in range(count)), None, None, None]
    tally = nextword.tally(SOME, reshape(SOME, 1.0), samples)
    assert (tally.draws, tally.counts, tally.unknown) == (74, (30, 9, 25), 3)
    assert tally.within == (True, True, False)  # 25 of 74 for a token of 10 %
