"""How surprising a token is, and a text. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from promptgrid.endpoint.base import TokenStep


def bits(logprob: float) -> float:
    """The surprise of a token in bits: 0 for what was certain, 1 for a coin's toss."""
    return -logprob / math.log(2)


def perplexity(steps: Iterable[TokenStep]) -> float | None:
    """exp of the mean surprise: among how many equally likely tokens the model hesitated at each place, on average.

    Over the steps whose probability is known; None where there is none.
    """
    known = [step.logprob for step in steps if step.logprob is not None]
    if not known:
        return None
    try:
        return math.exp(-math.fsum(known) / len(known))
    except OverflowError:  # an endpoint that tells -9999 for "never"
        return math.inf
