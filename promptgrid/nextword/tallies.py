"""Samples against probabilities: the count of each token, and whether its share explains it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.chances import Chances, Share, Shares

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class TokenTally:
    """The count of each listed token among the samples, in their order.

    `within` says for each whether its count lies in the middle 95 % of the counts that its share makes likely;
    `unknown` counts samples whose token the endpoint did not name.
    """

    drawn: int
    counts: tuple[int, ...]
    within: tuple[bool, ...]
    unknown: int


def tally(chances: Chances, shares: Shares, samples: Sequence[TokenStep | None]) -> TokenTally:
    """Counts the samples (None: a token that the endpoint did not name) and compares them with the shares."""
    named = [sample for sample in samples if sample is not None and (sample.data or sample.id is not None)]
    by_id = Counter(sample.id for sample in named if sample.id is not None)
    by_data = Counter(sample.data for sample in named if sample.id is None)
    counts = tuple(by_id[t.id] if t.id is not None else by_data[t.data] for t in chances.tokens)
    within = tuple(_expected(n, len(named), share) for n, share in zip(counts, shares.tokens, strict=True))
    return TokenTally(len(named), counts, within, len(samples) - len(named))


def _expected(count: int, n: int, share: Share) -> bool:
    """Whether the count lies in the central 95 % of the binomial for some probability between low and high."""
    from scipy.stats import binom

    tail = (1 - LEVEL) / 2
    low = binom.ppf(tail, n, min(1.0, share.low)) if n else 0
    high = binom.ppf(1 - tail, n, min(1.0, share.high)) if n else 0
    return bool(low <= count <= high)
