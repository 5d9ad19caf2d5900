"""What each variant is worth: its calls, tokens and money per answer, per correct answer, and per further correct one.

Money counts whole: every call of a technique in several steps, and what lost and discarded calls may have cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from promptgrid.compare.aggregate import Longs, known, mean_known, voted
from promptgrid.compare.axes import Head
from promptgrid.compare.facts import Facts
from promptgrid.compare.layouts import Layout, layout
from promptgrid.compare.parts import part_facts
from promptgrid.compare.variants import Variant
from promptgrid.compare.views import View
from promptgrid.stats import Interval
from promptgrid.stats.intervals import Floats
from promptgrid.stats.ratio import ratio_interval
from promptgrid.store import Database
from promptgrid.store.attempts import lost_by_cell
from promptgrid.techniques import technique_calls, votes

CostUnit = Literal["usd", "tokens"]


@dataclass(frozen=True, slots=True)
class FairComparison:
    """Self-consistency with as many tokens as a technique in several steps spends: the majority vote over `samples`
    replies. `score` and `cost` are those of the first `samples` replies in the run; None where it has fewer."""

    samples: int
    score: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """What one column costs and gives, over the cases that are scored or whose cells failed; copies of a case are one
    case. Costs are in `unit`: US dollars, or tokens if no call of the run costs money. A call that brings several
    replies counts once: each reply has its share. None: not known.

    answers         the number of answers that count: with self-consistency one per case, else one per reply
    correct         how many of them score 1
    calls, prompt_tokens, completion_tokens, reasoning_tokens, seconds   means per answer; reasoning tokens are a part
                    of the completion tokens
    cost            mean per answer, with what lost and discarded calls may have cost, and what failed cells did
    per_correct     cost of all answers divided by the number of correct ones; `interval` is its 95 % interval, by
                    bootstrap over the cases
    per_more        the price of one more correct answer: the difference in cost from the baseline, divided by the
                    difference in correct answers; None if the column has no more of them than the baseline
    per_more_interval   its 95 % interval; infinite above if more correct answers are not certain
    on_front        no other column has a higher score at the same cost or less
    fair            only for a technique in several steps
    """

    head: Head
    unit: CostUnit
    answers: int
    correct: int
    calls: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    reasoning_tokens: float | None
    seconds: float | None
    cost: float | None
    per_correct: float | None
    interval: Interval | None
    per_more: float | None
    per_more_interval: Interval | None
    on_front: bool
    fair: FairComparison | None = None


def worth(database: Database, run_id: str, part: str = "") -> list[Worth]:
    """Returns what each variant of the run is worth, in the order of the grid; the first variant is the baseline. With
    `part`, only the cases of that part count. Raises CompareError if the run has none, StoreError when the run no
    longer exists."""
    facts = part_facts(database, run_id, part)
    return column_worth(facts, View(), lost_by_cell(database, run_id))


def column_worth(facts: Facts, view: View, lost: dict[int, tuple[float, int]]) -> list[Worth]:
    """Returns what each column of the view is worth, its baseline first. `lost` has, by position of a cell, what its
    lost and discarded calls may have cost: (US dollars, tokens)."""
    table = layout(facts, view)
    columns = table.column_indices(view)
    spending = _Spending.of(facts, lost)
    sums = [spending.by_case(table, column) for column in columns]
    front = _front([one.cost_and_score for one in sums])
    return [
        _worth(table, spending, column, one, sums[0], on_front=at in front)
        for at, (column, one) in enumerate(zip(columns, sums, strict=True))
    ]


@dataclass(frozen=True, eq=False)
class _CaseSums:
    """Sums over the cells of one column, with one entry per case: cost, correct answers and number of answers (0: all
    of its cells failed). `cells` are the answered cells behind them, `cases` the numbers of the cases."""

    cells: Longs
    cases: Longs
    cost: Floats
    correct: Floats
    answers: Floats

    @property
    def cost_and_score(self) -> tuple[float, float]:
        """The cost and the correct answers per answer; NaN where nothing is scored."""
        answers = float(self.answers.sum()) or np.nan
        return float(self.cost.sum()) / answers, float(self.correct.sum()) / answers


@dataclass(frozen=True, eq=False)
class _Spending:
    """What each cell took: its share of its call. `cost`, in `unit`, has its lost and discarded calls too."""

    facts: Facts
    unit: CostUnit
    cost: Floats
    share: Floats
    tokens: Floats

    @classmethod
    def of(cls, facts: Facts, lost: dict[int, tuple[float, int]]) -> _Spending:
        share = 1 / np.nan_to_num(facts.batch, nan=1.0)
        tokens = facts.prompt_tokens * share + facts.completion_tokens
        # A cell without a reply has paid for its lost calls, and for the steps before the one that failed.
        usd, count = (np.where(facts.answered, cost, np.nan_to_num(cost)) for cost in (facts.cost_usd, tokens))
        for position, (lost_usd, lost_tokens) in lost.items():
            at = int(np.searchsorted(facts.position, position))
            if at < len(facts) and facts.position[at] == position:
                usd[at] += lost_usd
                count[at] += lost_tokens
        free = bool(np.nansum(usd) == 0 and not np.isnan(usd).any())
        return cls(facts, "tokens" if free else "usd", count if free else usd, share, tokens)

    def by_case(self, table: Layout, column: int) -> _CaseSums:
        facts = self.facts
        cells = table.cells_in(column)
        answered = facts.answered[cells]
        case = facts.firsts[facts.case[cells]].astype(np.int64)
        scored = answered & facts.counted[cells] & ~np.isnan(facts.score[cells])
        cases = np.unique(case[scored | (~answered & (self.cost[cells] > 0))])
        inside = np.isin(case, cases)
        cells, case, answered = cells[inside], case[inside], answered[inside]
        place, counted = np.searchsorted(cases, case), answered & facts.counted[cells]
        right = counted & (facts.score[cells] == 1)

        def total(values: Floats) -> Floats:
            return np.bincount(place, weights=values, minlength=len(cases)).astype(np.float64)

        sums = (self.cost[cells], right.astype(np.float64), counted.astype(np.float64))
        return _CaseSums(cells[answered], cases, *map(total, sums))


def _worth(
    table: Layout, spending: _Spending, column: int, sums: _CaseSums, baseline: _CaseSums, *, on_front: bool
) -> Worth:
    facts, answers = table.facts, int(sums.answers.sum())

    def per_answer(values: Floats) -> float | None:
        return known(values[sums.cells].sum() / answers) if answers else None

    correct = int(sums.correct.sum())
    total = known(sums.cost.sum())
    priced = total is not None and correct > 0
    more, more_interval = _per_more(sums, baseline)
    seconds = per_answer(facts.latency_ms * spending.share)
    return Worth(
        head=table.columns[column],
        unit=spending.unit,
        answers=answers,
        correct=correct,
        calls=per_answer(facts.calls * spending.share),
        prompt_tokens=per_answer(facts.prompt_tokens * spending.share),
        completion_tokens=per_answer(facts.completion_tokens),
        reasoning_tokens=per_answer(facts.reasoning_tokens),
        seconds=None if seconds is None else seconds / 1000,
        cost=None if total is None or not answers else total / answers,
        per_correct=total / correct if total is not None and correct else None,
        interval=ratio_interval(sums.cost, sums.correct) if priced else None,
        per_more=more,
        per_more_interval=more_interval,
        on_front=on_front,
        fair=_fair(table, spending, sums),
    )


def _per_more(sums: _CaseSums, baseline: _CaseSums) -> tuple[float | None, Interval | None]:
    """Returns the price of one more correct answer against the baseline, and its interval, over the cases that both
    answered."""
    if sums is baseline:
        return None, None
    _, mine, theirs = np.intersect1d(
        sums.cases[sums.answers > 0], baseline.cases[baseline.answers > 0], return_indices=True
    )
    mine, theirs = np.flatnonzero(sums.answers > 0)[mine], np.flatnonzero(baseline.answers > 0)[theirs]
    cost = sums.cost[mine] / sums.answers[mine] - baseline.cost[theirs] / baseline.answers[theirs]
    right = sums.correct[mine] / sums.answers[mine] - baseline.correct[theirs] / baseline.answers[theirs]
    if not len(mine) or np.isnan(cost).any() or right.sum() <= 0:
        return None, None
    return float(cost.sum() / right.sum()), ratio_interval(cost, right)


def _front(points: Sequence[tuple[float, float]]) -> set[int]:
    """Returns the indices of the points (cost, score) that no other point beats: with a lower cost at the same score or
    more, or a higher score at the same cost or less. Points with an unknown number are never among them."""
    return {
        at
        for at, (cost, score) in enumerate(points)
        if not (np.isnan(cost) or np.isnan(score))
        and not any(c <= cost and s >= score and (c < cost or s > score) for c, s in points)
    }


def _fair(table: Layout, spending: _Spending, sums: _CaseSums) -> FairComparison | None:
    """Returns the comparison of a technique in several steps with a vote at an equal number of tokens; None for other
    techniques, and if the run has no self-consistency or chain-of-thought that differs from it in the technique
    alone."""
    facts = table.facts
    if not len(sums.cells):
        return None
    variant = facts.variants[int(facts.variant[sums.cells[0]])]
    if technique_calls(variant.technique) < 2:
        return None
    rivals = [at for at, one in enumerate(facts.variants) if _differs_in_technique(one, variant)]
    if not rivals:
        return None
    rival = max(rivals, key=lambda at: votes(facts.variants[at].technique))
    replies = np.flatnonzero((facts.variant == rival) & facts.answered)
    a_cell = spending.tokens[sums.cells].mean()
    a_reply = spending.tokens[replies].mean() if len(replies) else np.nan
    if np.isnan(a_reply) or np.isnan(a_cell):
        return None
    samples = max(1, round(float(a_cell / a_reply)))
    return _voted(facts, spending, rival, samples)


def _differs_in_technique(one: Variant, other: Variant) -> bool:
    return replace(one, technique=other.technique) == other and one.technique in (
        "self-consistency",
        "chain-of-thought",
    )


def _voted(facts: Facts, spending: _Spending, variant: int, samples: int) -> FairComparison:
    """Returns score and cost of the vote over the first `samples` replies of the variant to each case that has as
    many."""
    cells = np.flatnonzero((facts.variant == variant) & facts.answered & (facts.sample < samples))
    cases, place, counts = np.unique(facts.case[cells], return_inverse=True, return_counts=True)
    full = counts >= samples
    if not full.any():
        return FairComparison(samples)
    result = voted(place, np.ones(len(cells), dtype=np.bool_), facts.answer[cells], len(cases))
    scores = facts.score[cells[result.representative[full]]]
    costs = np.bincount(place, weights=spending.cost[cells], minlength=len(cases))[full]
    score = known(mean_known(scores[np.newaxis, :])[0])
    return FairComparison(samples, score, known(float(costs.mean())))
