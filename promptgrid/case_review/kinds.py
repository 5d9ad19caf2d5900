"""Counts, for each expected answer, the cases in each part and how many of them tell the variants of a run apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid.cases.parts import PARTS
from promptgrid.cases.table import Case
from promptgrid.compare.facts import Facts

_ANSWERS_PER_CASE = 5  # with fewer cases an answer, answers are texts of their own and no kinds of cases


@dataclass(frozen=True, slots=True)
class CaseKind:
    """The cases with one expected answer (None: without one).

    parts   number of these cases in each part
    scored  number of these cases that two variants or more of a run have a score for; 0 without a run
    apart   share of the pairs of variants, over the scored cases, whose scores differ: only such cases decide between
            two variants; None without a scored case
    """

    expected: str | None
    parts: Mapping[str, int]
    scored: int = 0
    apart: float | None = None

    @property
    def cases(self) -> int:
        return sum(self.parts.values())


def case_kinds(cases: Sequence[Case], runs: Iterable[Facts] = ()) -> list[CaseKind]:
    """Returns the kinds of these cases, which have their parts, the commonest first. If the expected answers are no
    classes (fewer than five cases each), all cases are one kind with the expected answer None. `runs` are facts of runs
    over the same table."""
    classes = _are_classes(cases)
    parts = defaultdict[str | None, Counter[str]](Counter)
    for case in cases:
        parts[case.expected if classes else None][case.part] += 1
    apart = defaultdict[str | None, list[float]](list)
    for expected, share in (row for facts in runs for row in _told_apart(facts)):
        apart[expected if classes else None].append(share)
    kinds = (
        CaseKind(expected, {part: counts[part] for part in PARTS}, len(apart[expected]), _mean(apart[expected]))
        for expected, counts in parts.items()
    )
    return sorted(kinds, key=lambda kind: -kind.cases)


def _are_classes(cases: Sequence[Case]) -> bool:
    """Tells whether the expected answers are classes: each stands, on average, for five cases or more."""
    answers = {case.expected for case in cases}
    return len(answers) * _ANSWERS_PER_CASE <= len(cases)


def _mean(shares: Sequence[float]) -> float | None:
    return sum(shares) / len(shares) if shares else None


def _told_apart(facts: Facts) -> Iterable[tuple[str | None, float]]:
    """Yields (expected answer, share of the pairs of variants whose mean scores differ) for each case that two variants
    or more have a score for. Copies count as one case."""
    shape = (len(facts.case_ids), len(facts.variants))
    cells = np.flatnonzero(facts.firsts[facts.case] == facts.case)
    entry = facts.case[cells].astype(np.int64) * shape[1] + facts.variant[cells]
    scores = facts.entry_scores(cells, entry, shape[0] * shape[1], facts.score).reshape(shape)
    for (expected, _), row in zip(facts.expected, scores, strict=True):
        known = row[~np.isnan(row)]
        if len(known) > 1:
            same = sum(int(count) * (int(count) - 1) for count in np.unique(known, return_counts=True)[1])
            yield expected, 1 - same / (len(known) * (len(known) - 1))
