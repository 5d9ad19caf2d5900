"""Compares samples with probabilities: the count of each token, and whether its share explains the count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.chances import Chances, Share, Shares

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class TokenTally:
    """How often each listed token was drawn (`counts`), in the order of the list.

    `within` says for each token whether its probability explains its count: the count lies in the central 95 % of the
    binomial distribution. `draws` is the number of samples whose token the endpoint named, `unknown` the number of the
    others.
    """

    draws: int
    counts: tuple[int, ...]
    within: tuple[bool, ...]
    unknown: int


def tally(chances: Chances, shares: Shares, samples: Sequence[TokenStep | None]) -> TokenTally:
    """Counts how often each token of `chances` is among the samples, and compares the counts with the probabilities in
    `shares`. A sample is None if the endpoint did not name the token."""
    named = [sample for sample in samples if sample is not None and (sample.data or sample.id is not None)]
    by_id = Counter(sample.id for sample in named if sample.id is not None)
    by_data = Counter(sample.data for sample in named if sample.id is None)
    counts = tuple(by_id[t.id] if t.id is not None else by_data[t.data] for t in chances.tokens)
    within = tuple(_expected(n, len(named), share) for n, share in zip(counts, shares.tokens, strict=True))
    return TokenTally(len(named), counts, within, len(samples) - len(named))


def _expected(count: int, n: int, share: Share) -> bool:
    """Returns whether `count` of `n` samples lies in the central 95 % of the binomial distribution, for some
    probability within `share`."""
    from scipy.stats import binom

    tail = (1 - LEVEL) / 2
    low = binom.ppf(tail, n, min(1.0, share.low)) if n else 0
    high = binom.ppf(1 - tail, n, min(1.0, share.high)) if n else 0
    return bool(low <= count <= high)
