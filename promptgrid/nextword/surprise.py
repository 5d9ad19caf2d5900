"""The surprise of a token and the perplexity of a text. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from promptgrid.endpoint.base import TokenStep


def bits(logprob: float) -> float:
    """The surprise of a token in bits: 0 for what was certain, 1 for the toss of a coin."""
    return -logprob / math.log(2)


def perplexity(steps: Iterable[TokenStep]) -> float | None:
    """exp of the mean surprise in nats: the mean number of equally likely tokens that the model chose from.

    Only steps with a known probability count; None if there are none.
    """
    logprobs = [step.logprob for step in steps if step.logprob is not None]
    if not logprobs:
        return None
    try:
        return math.exp(-math.fsum(logprobs) / len(logprobs))
    except OverflowError:  # some endpoints report -9999 for "never"
        return math.inf
