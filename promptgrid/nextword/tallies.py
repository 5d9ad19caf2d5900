"""Samples against the curve: how often each token came, and whether that is what its probability lets one expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.chances import Chances, Share, Shares

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class TokenTally:
    """How often each shown token was drawn, in their order; `others` are tokens that are not shown.

    `within` says for each whether its count lies in the middle 95 % of what its share lets one expect; `untold` are
    samples of which the endpoint did not say which token it was.
    """

    drawn: int
    counts: tuple[int, ...]
    within: tuple[bool, ...]
    others: int
    others_within: bool
    untold: int

    @property
    def met(self) -> int:
        """How many of the shown tokens came about as often as their shares say."""
        return sum(self.within)


def tally(chances: Chances, shares: Shares, samples: Sequence[TokenStep | None]) -> TokenTally:
    """Counts samples (None: the endpoint did not tell the token) and holds them against their shares."""
    told = [sample for sample in samples if sample is not None and (sample.data or sample.id is not None)]
    by_id = Counter(sample.id for sample in told if sample.id is not None)
    by_data = Counter(sample.data for sample in told if sample.id is None)
    counts = tuple(by_id[t.id] if t.id is not None else by_data[t.data] for t in chances.tokens)
    others = len(told) - sum(counts)
    within = tuple(_expected(n, len(told), share) for n, share in zip(counts, shares.tokens, strict=True))
    return TokenTally(
        len(told), counts, within, others, _expected(others, len(told), shares.rest), len(samples) - len(told)
    )


def _expected(count: int, n: int, share: Share) -> bool:
    """A count as far out, or further, comes in more than 5 % of cases for some probability between low and high."""
    from scipy.stats import binom

    tail = (1 - LEVEL) / 2
    low = binom.ppf(tail, n, min(1.0, share.low)) if n else 0
    high = binom.ppf(1 - tail, n, min(1.0, share.high)) if n else 0
    return bool(low <= count <= high)
