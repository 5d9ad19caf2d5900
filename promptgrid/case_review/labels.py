"""Ranks the cases of a run by how likely their expected answer is wrong: variants agree on another answer.

A variant votes with its commonest answer to a case, and its vote weighs the logarithm of the odds that it is right, at
the lower end of what the run shows: a variant that is right in 90 % of the cases says more than one that is right in
55 %, and one that guesses says nothing (D. Nitzan and J. Paroush, "Optimal decision rules in uncertain dichotomous
choice situations", 1982; for several answers as in A. Dawid and A. Skene, 1979, with one error rate a variant).
Variants of one model err together, so the weight ranks cases; it is no probability.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from promptgrid.compare.aggregate import voted
from promptgrid.compare.facts import Facts
from promptgrid.compare.parts import by_check
from promptgrid.stats.intervals import wilson

COMPARING_CHECKS = ("label", "number", "exact", "contains")
"""The checks, by name, that compare an answer with the expected one. The first of these that a run has is used."""
MOST_CERTAIN = 0.99  # a variant that was never wrong in a short run is not taken for one that never errs


@dataclass(frozen=True, slots=True)
class SuspectLabel:
    """A case whose expected answer may be wrong.

    case      its index in `Facts.case_ids`
    cell      position of a cell with the answer that the variants give instead
    variant   index of that cell's variant in `Facts.variants`
    agree     number of variants that give this answer, at least 2
    variants  number of variants with an answer to the case; those that only guess are left out
    weight    log odds (natural) for this answer against the expected one; above 0
    """

    case: int
    cell: int
    variant: int
    agree: int
    variants: int
    weight: float


@dataclass(frozen=True, slots=True)
class _Vote:
    answer: int
    right: bool
    cell: int


def suspect_labels(facts: Facts) -> list[SuspectLabel]:
    """Returns the cases for which more weight of variants is on one other answer than on the expected one, the heaviest
    first; at least two variants must agree. Copies count as one case.

    Empty unless the run has one of COMPARING_CHECKS, two different expected answers, and two variants that are right
    more often than by chance.
    """
    check = next((name for name in COMPARING_CHECKS if name in facts.checks), "")
    if not check:
        return []
    votes = _votes(by_check(facts, check))
    weights = _weights(votes, len({expected for expected, _ in facts.expected if expected is not None}))
    by_case = defaultdict[int, dict[int, _Vote]](dict)
    for (case, variant), vote in votes.items():
        if weights[variant] > 0:
            by_case[case][variant] = vote
    suspects = (_suspect(case, of_case, weights) for case, of_case in by_case.items())
    return sorted((one for one in suspects if one), key=lambda one: (-one.weight, one.case))


def _votes(facts: Facts) -> Mapping[tuple[int, int], _Vote]:
    """Returns each variant's commonest answer to each case by (case, variant), and whether it is the expected one.
    Cells without an answer or a score have no vote."""
    usable = facts.answered & (facts.answer >= 0) & ~np.isnan(facts.score)
    cells = np.flatnonzero(usable)
    key = facts.firsts[facts.case[cells]].astype(np.int64) * len(facts.variants) + facts.variant[cells]
    keys, entry = np.unique(key, return_inverse=True)
    every = np.ones(len(cells), dtype=np.bool_)
    chosen = cells[voted(entry, every, facts.answer[cells], len(keys)).representative]
    return {
        divmod(int(number), len(facts.variants)): _Vote(
            int(facts.answer[cell]), bool(facts.score[cell] == 1), int(facts.position[cell])
        )
        for number, cell in zip(keys, chosen, strict=True)
    }


def _weights(votes: Mapping[tuple[int, int], _Vote], answers: int) -> Mapping[int, float]:
    """Returns for each variant the log odds of its vote, by the lower end of the interval of its score: 0 for one that
    may guess among the `answers` answers, and for all if there is one answer only."""
    right = defaultdict[int, list[bool]](list)
    for (_, variant), vote in votes.items():
        right[variant].append(vote.right)
    weights = {}
    for variant, flags in right.items():
        interval = wilson(sum(flags), len(flags))
        share = min(MOST_CERTAIN, interval.low if interval else 0.0)
        odds = share * (answers - 1) / (1 - share)
        weights[variant] = math.log(odds) if odds > 1 else 0.0
    return weights


def _suspect(case: int, votes: Mapping[int, _Vote], weights: Mapping[int, float]) -> SuspectLabel | None:
    others = defaultdict[int, list[int]](list)
    for variant, vote in votes.items():
        if not vote.right:
            others[vote.answer].append(variant)
    right = sum(weights[variant] for variant, vote in votes.items() if vote.right)
    heaviest = max(others.values(), key=lambda agree: sum(weights[one] for one in agree), default=[])
    weight = sum(weights[variant] for variant in heaviest) - right
    if len(heaviest) < 2 or weight <= 0:
        return None
    return SuspectLabel(case, votes[heaviest[0]].cell, heaviest[0], len(heaviest), len(votes), weight)
