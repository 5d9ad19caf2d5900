"""The points of a curve, and what an answer takes there: money, tokens, calls, seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from promptgrid.compare import Facts
from promptgrid.compare.aggregate import Longs
from promptgrid.compare.axes import AxisValue
from promptgrid.compare.worth.sums import Spending
from promptgrid.stats.intervals import Floats


@dataclass(frozen=True, slots=True)
class Price:
    """What can stand on the axis below the score: its short `name`, the title of the `axis`, the factor (`times`) of
    its values there, and their d3 `format`."""

    name: str
    axis: str
    times: float
    format: str


PRICES: Mapping[str, Price] = {
    "cost_usd": Price("cost", "US$ per 1,000 answers", 1000.0, ",.4f"),
    "tokens": Price("tokens", "tokens per answer", 1.0, ",.0f"),
    "reasoning_tokens": Price("reasoning tokens", "reasoning tokens per answer", 1.0, ",.0f"),
    "calls": Price("calls", "calls per answer", 1.0, ",.1f"),
    "seconds": Price("seconds", "seconds per answer", 1.0, ",.2f"),
}
"""The prices of an answer, by the fields of CurvePoint."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One line (all variants that differ only in the curve's parameter) at one value. None means unknown, not zero.

    value           of the parameter; None: the model's default
    drawn           whether this is a point of a line; if not, `note` tells why, and the costs are still given
    cases, samples  number of cases with a reply, and the largest number of replies of a case
    score           mean score of `scored_cases` cases, 0 to 1, with its 95 % interval `score_low` to `score_high`
    distinct, entropy_bits, similarity    means over cases with two or more replies: number of distinct answers and
                    their entropy (of `varied_cases`), similarity of the texts, 0 to 1 (of `similarity_cases`)
    characters      mean length of a reply
    cost_usd, tokens, calls, seconds    of one answer: of all calls of a reply, or with self-consistency of all samples
                    of a case, which make one answer; lost and discarded calls are in the cost and the tokens; a call of
                    several replies counts once; None if any is unknown
    reasoning_tokens    part of `tokens`
    retrieval       what its cells show of documents, by the columns of `retrieval.COLUMNS`; empty: they show nothing
    pareto          no other point has a higher score for the same price or less, or the same score for less
    """

    line: str
    prompt: str
    prompt_version: str
    technique: str
    model: str
    value: AxisValue
    drawn: bool
    note: str
    cases: int
    samples: int
    score: float | None
    score_low: float | None
    score_high: float | None
    scored_cases: int
    distinct: float | None
    entropy_bits: float | None
    varied_cases: int
    similarity: float | None
    similarity_cases: int
    characters: float | None
    cost_usd: float | None
    tokens: float | None
    reasoning_tokens: float | None
    calls: float | None
    seconds: float | None
    pareto: bool = False
    retrieval: Mapping[str, float | int | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class AnswerPrices:
    """What the answers of a run take. `lost` has, by position of a cell, what its lost and discarded calls may have
    cost: (US dollars, tokens)."""

    facts: Facts
    lost: Mapping[int, tuple[float, int]]

    @cached_property
    def _paid(self) -> Mapping[str, Floats]:
        """For each of PRICES, what each cell of the run took; a call of several replies is shared among them."""
        facts, usd = self.facts, Spending.of(self.facts, self.lost, "usd")
        return {
            "cost_usd": usd.cost,
            "tokens": Spending.of(facts, self.lost, "tokens").cost,
            "reasoning_tokens": facts.reasoning_tokens,
            "calls": facts.calls * usd.share,
            "seconds": facts.latency_ms * usd.share / 1000,
        }

    def per_answer(self, cells: Longs) -> dict[str, float | None]:
        """Returns each of PRICES per answer, as the mean over the cases of these answered cells; None if one of the
        cells has an unknown price."""
        _, case = np.unique(self.facts.case[cells], return_inverse=True)
        answers = np.bincount(case, weights=self.facts.counted[cells])
        return {name: _mean(np.bincount(case, weights=paid[cells]) / answers) for name, paid in self._paid.items()}


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) and not np.isnan(values).any() else None


def with_front(points: Sequence[CurvePoint], price: str) -> Iterator[CurvePoint]:
    """Yields the points, with `pareto` set on those that no other beats: at least as good in score and in the
    price (a field of PRICES), and better in one of them."""
    priced = [(getattr(p, price), p.score) for p in points if p.score is not None and getattr(p, price) is not None]
    for point in points:
        cost, score = getattr(point, price), point.score or 0.0
        known = None not in (cost, point.score)
        beaten = known and any(p <= cost and s >= score and (p < cost or s > score) for p, s in priced)
        yield replace(point, pareto=known and not beaten)
