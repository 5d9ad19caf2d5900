"""The figures of each variant: its calls, tokens and money per answer, per correct answer and per further correct
one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptgrid.compare.aggregate import known
from promptgrid.compare.axes import Head, head_id
from promptgrid.compare.facts import Facts
from promptgrid.compare.layouts import layout
from promptgrid.compare.parts import part_facts
from promptgrid.compare.variants import Variant
from promptgrid.compare.views import View
from promptgrid.compare.worth.fair import TECHNIQUE, equal_vote, linked_spendings, strategy
from promptgrid.compare.worth.sums import CaseSums, CostUnit, Spending
from promptgrid.humanize import many
from promptgrid.stats import Interval
from promptgrid.stats.intervals import Floats
from promptgrid.stats.ratio import ratio_interval
from promptgrid.store import Database
from promptgrid.store.attempts import lost_by_cell


@dataclass(frozen=True, slots=True)
class FairComparison:
    """Self-consistency with as many tokens as a technique in several steps (`variant`) spends: the majority vote over
    `samples` replies to a case. `samples` is None while there is no such reply, by whose tokens they are counted.
    `worth` has the figures of that vote (None: there are too few replies), `run_id` the run that they come from."""

    variant: Variant
    samples: int | None = None
    worth: Worth | None = None
    run_id: str = ""


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
    on_front: bool = False
    fair: FairComparison | None = None


def worth(database: Database, run_id: str, part: str = "") -> list[Worth]:
    """Returns what each variant of the run is worth, in the order of the grid; the first variant is the baseline. With
    `part`, only the cases of that part count. Raises CompareError if the run has none, StoreError when the run no
    longer exists."""
    return column_worth(database, part_facts(database, run_id, part), View())


def column_worth(database: Database, facts: Facts, view: View) -> list[Worth]:
    """Returns what each column of the view is worth, its baseline first."""
    table = layout(facts, view)
    columns = table.column_indices(view)
    spending = Spending.of(facts, lost_by_cell(database, facts.run_id))
    cells = [table.cells_in(column) for column in columns]
    sums = [spending.by_case(these, facts.counted) for these in cells]
    front = _front([one.cost_and_score for one in sums])
    worths = [
        replace(_worth(table.columns[column], spending, one, sums[0]), on_front=at in front)
        for at, (column, one) in enumerate(zip(columns, sums, strict=True))
    ]
    variants = [strategy(facts, these) for these in cells]
    sources = [spending, *(linked_spendings(database, spending) if any(variants) else ())]
    return [
        replace(one, fair=_fair(variant, mine, sums[0], sources)) if variant and len(mine.cells) else one
        for one, variant, mine in zip(worths, variants, sums, strict=True)
    ]


def _fair(variant: Variant, sums: CaseSums, baseline: CaseSums, sources: Sequence[Spending]) -> FairComparison:
    """Returns the comparison of the variant, whose cells have these `sums`, with a vote for as many tokens. `sources`
    are what the cells of its own run took, then those of runs started for the comparison."""
    tokens = float(sources[0].tokens[sums.cells].mean())
    vote = None if np.isnan(tokens) else equal_vote(variant, tokens, sums.cases, sources)
    if vote is None:
        return FairComparison(variant)
    if not len(vote.cells):
        return FairComparison(variant, vote.samples)
    values = {**variant.values, "technique": TECHNIQUE}
    head = Head(head_id(values), values, [f"{many(vote.samples, 'vote')} of {TECHNIQUE}"])
    figures = _worth(head, vote.spending, vote.spending.by_case(vote.cells, vote.counts), baseline)
    return FairComparison(variant, vote.samples, figures, vote.spending.facts.run_id)


def _worth(head: Head, spending: Spending, sums: CaseSums, baseline: CaseSums) -> Worth:
    facts, answers = spending.facts, int(sums.answers.sum())

    def per_answer(values: Floats) -> float | None:
        return known(values[sums.cells].sum() / answers) if answers else None

    correct = int(sums.correct.sum())
    total = known(sums.cost.sum())
    priced = total is not None and correct > 0
    more, more_interval = _per_more(sums, baseline)
    seconds = per_answer(facts.latency_ms * spending.share)
    return Worth(
        head=head,
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
    )


def _per_more(sums: CaseSums, baseline: CaseSums) -> tuple[float | None, Interval | None]:
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
