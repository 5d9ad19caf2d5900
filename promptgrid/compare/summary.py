"""Summarises each column: replies, score and its interval, agreement, lengths, costs and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid import stats
from promptgrid.compare.aggregate import Longs, known, mean_by
from promptgrid.compare.axes import Head
from promptgrid.compare.copies import copies_sentence
from promptgrid.compare.facts import Facts
from promptgrid.compare.families import of_columns
from promptgrid.compare.layouts import Layout, layout
from promptgrid.compare.parts import part_facts
from promptgrid.compare.views import Metric, View
from promptgrid.models.parameters import suspicion
from promptgrid.stats import Comparison, Interval
from promptgrid.stats.intervals import Floats
from promptgrid.store import Database
from promptgrid.store.cell_columns import alike, counted_and_reported


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One column over all rows of a view. A missing value is None and is left out of every mean: it is not zero. In
    means over cases, cases that are copies of each other (see Facts.firsts) are one case.

    cells              number of samples, whatever their status
    answered           number of cells with a reply
    unread             number of replies in which no answer could be read
    score, scored      mean over the cases of their score, and the number of cases that have one; `by_check` has the
                       same two for each check
    interval           95 % interval of the score (stats.mean_interval); the samples of a case enter as their mean
    distinct           number of distinct answers among all replies; unread replies have none
    agreement          mean over cases of the share of replies that gave the voted answer; None: no case has two replies
    samples            the largest number of replies of a case
    pass_at_k          mean over cases of the chance that at least one of `k` replies scores 1 (stats.pass_at_k); cases
                       with fewer than `k` scored replies are left out. None: no case has enough of them, as with
                       self-consistency, where all samples of a case are one answer
    k                  the same for all columns: for each column the largest number of scored replies of a case is
                       taken, and `k` is the smallest of those numbers that are above 1; 0 if none is
    chars              mean length of the replies
    tokens             sum of prompt and reply tokens; None where a reply did not report them
    prompt_tokens, completion_tokens    means over the replies that report them; if one call brings several replies, the
                       whole prompt counts for each of them
    cost_usd           sum of the replies' prices, reused ones included; None: there is no reply, or a price is unknown
    cost_per_correct   cost of the replies to the scored cases divided by the number of answers that scored 1; None: no
                       answer scored 1, or a price is unknown. Self-consistency gives one answer per case
    latency_ms, latency_p95_ms    median and 95th percentile over the replies
    versus             the comparison of the score with the baseline's over the same cases, corrected for the number of
                       columns; None: the column is the baseline, or no case is scored in both
    sentence           the comparison in words
    best               whether the score is significantly higher than that of every other column, after the correction
    """

    head: Head
    cells: int
    answered: int
    unread: int
    score: float | None
    interval: Interval | None
    scored: int
    by_check: Mapping[str, tuple[float | None, int]]
    distinct: int
    agreement: float | None
    samples: int
    pass_at_k: float | None
    k: int
    chars: float | None
    tokens: int | None
    prompt_tokens: float | None
    completion_tokens: float | None
    cost_usd: float | None
    cost_per_correct: float | None
    latency_ms: float | None
    latency_p95_ms: float | None
    versus: Comparison | None
    sentence: str
    best: bool

    @property
    def label(self) -> str:
        """The label of the column (its head) in one line."""
        return self.head.label


def summary(database: Database, run_id: str, part: str = "") -> list[VariantSummary]:
    """Returns the summary of each variant of the run, in the order of the grid; the first variant is the baseline.

    With `part`, only the cases of that part count. Raises CompareError if the run has none, StoreError when the run no
    longer exists.
    """
    return summarise(part_facts(database, run_id, part), View())


def run_remarks(database: Database, run_id: str, part: str = "") -> list[str]:
    """Returns a sentence for each model of the run that seems to ignore the temperature, because its replies are too
    much alike; one if cases (those of `part`, if given) are counted only once, being copies of others; and one if
    pass@k stands below a score."""
    sentences = ((ref, suspicion(counts)) for ref, counts in alike(database, run_id).items())
    facts = part_facts(database, run_id, part)
    notes = (copies_sentence(facts.firsts), low_pass_sentence(summarise(facts, View())))
    return [*(f"{ref}: {sentence}" for ref, sentence in sentences if sentence), *filter(None, notes)]


def low_pass_sentence(summaries: Sequence[VariantSummary]) -> str:
    """Returns why pass@k, the chance that one of several replies is right, can stand below the score of one; "" if it
    does nowhere."""
    for one in summaries:
        if one.pass_at_k is not None and one.score is not None and one.pass_at_k < one.score - 1e-9:
            return (
                f"pass@{one.k} stands below the score of {one.label}: it counts a reply only if it scores 1, where the"
                f" score counts parts too, and leaves out cases with fewer than {one.k} scored replies."
            )
    return ""


def count_differences(database: Database, run_id: str) -> list[str]:
    """Returns a sentence for each model whose replies reported a number of prompt tokens that differs from the number
    that promptgrid counted before sending."""
    return [
        f"{ref}: the prompts took {took:,} tokens where {counted:,} were counted ({took / max(counted, 1) - 1:+.1%}),"
        f" as the usage of {replies:,} of its replies says; later counts are corrected by it."
        for ref, (replies, counted, took) in counted_and_reported(database, run_id).items()
        if took != counted
    ]


def summarise(facts: Facts, view: View) -> list[VariantSummary]:
    """Returns the summary of each column that the view shows, its baseline first. The view's filters on rows have no
    effect."""
    view_layout = layout(facts, view)
    columns = view_layout.column_indices(view)
    return facts.cached((view.layout, tuple(columns)), lambda: _summaries(view_layout, columns))


def _summaries(layout: Layout, columns: Sequence[int]) -> list[VariantSummary]:
    if not columns:
        return []
    cases = _by_case(layout, "score", list(range(len(layout.columns))))
    versus, best = of_columns(cases, columns, look=layout.facts.look)
    trials = {column: _Trials.of(layout.facts, layout.cells_in(column)) for column in columns}
    k = min((most for one in trials.values() if (most := int(one.scored.max(initial=0))) > 1), default=0)
    return [
        _summary(layout, column, cases[:, column], columns[0], versus.get(column), column == best, trials[column], k)
        for column in columns
    ]


def _by_case(layout: Layout, metric: Metric, columns: Sequence[int]) -> Floats:
    """Returns an array of cases × columns with the mean of the metric over the rows of each case; NaN: unknown. Cases
    that are copies of each other are one case. If the view has its cases on the columns, each row counts as a case."""
    values = layout.units.metrics[metric][:, columns]
    unit = layout.row_of if "case" in layout.column_axes else layout.facts.firsts[layout.case_of]
    known_ones, case = np.unique(unit, return_inverse=True)
    return np.column_stack([mean_by(column, case, len(known_ones)) for column in values.T]) if len(unit) else values


def _summary(
    layout: Layout,
    column: int,
    cases: Floats,
    baseline: int,
    versus: Comparison | None,
    best: bool,
    trials: _Trials,
    k: int,
) -> VariantSummary:
    facts, head = layout.facts, layout.columns[column]
    cells = layout.cells_in(column)
    replies = cells[facts.answered[cells]]
    answers = facts.answer[replies]
    scored = cases[~np.isnan(cases)]
    agreement = _by_case(layout, "agreement", [column])
    latency = _known(facts.latency_ms[replies])
    costs = facts.cost_usd[replies]
    return VariantSummary(
        head=head,
        cells=len(cells),
        answered=len(replies),
        unread=int((answers < 0).sum()),
        score=_mean(scored),
        interval=stats.mean_interval(scored),
        scored=len(scored),
        by_check=_by_check(facts, cells),
        distinct=len(np.unique(answers[answers >= 0])),
        agreement=_mean(_known(agreement)),
        samples=int(layout.units.answered[:, column].max(initial=0)),
        pass_at_k=trials.pass_at(k, len(facts.case_ids)) if k else None,
        k=k,
        chars=_mean(facts.chars[replies]),
        tokens=None if (total := _sum(facts.tokens[replies])) is None else int(total),
        prompt_tokens=_mean(_known(facts.prompt_tokens[replies])),
        completion_tokens=_mean(_known(facts.completion_tokens[replies])),
        cost_usd=_sum(costs),
        cost_per_correct=_cost_per_correct(facts, replies),
        latency_ms=float(np.median(latency)) if len(latency) else None,
        latency_p95_ms=float(np.percentile(latency, 95)) if len(latency) else None,
        versus=versus,
        sentence=versus.sentence(head.label, layout.columns[baseline].label) if versus else "",
        best=best,
    )


def _entries(facts: Facts, cells: Longs) -> tuple[Longs, Longs]:
    """Groups the cells by case and variant; each group is an entry. Returns (the number of each cell's entry, the case
    of each entry); copies of a case are given as the first of them."""
    width = max(1, len(facts.variants))
    known_ones, entry = np.unique(
        facts.case[cells].astype(np.int64) * width + facts.variant[cells], return_inverse=True
    )
    return entry, facts.firsts[known_ones // width]


@dataclass(frozen=True, eq=False)
class _Trials:
    """Arrays with one element per entry (one case under one variant): `case_of` is its case, `scored` the number of its
    scored replies, `right` how many of these scored 1."""

    case_of: Longs
    scored: Longs
    right: Longs

    @classmethod
    def of(cls, facts: Facts, cells: Longs) -> _Trials:
        replies = cells[(facts.answered & facts.counted & ~np.isnan(facts.score))[cells]]
        entry, case_of = _entries(facts, replies)
        right = np.bincount(entry[facts.score[replies] == 1], minlength=len(case_of))
        return cls(case_of, np.bincount(entry, minlength=len(case_of)), right)

    def pass_at(self, k: int, cases: int) -> float | None:
        trials = list(zip(self.scored.tolist(), self.right.tolist(), strict=True))
        chance = {trial: stats.pass_at_k(*trial, k) for trial in set(trials)}
        by_entry = np.array([chance[trial] for trial in trials], dtype=np.float64)  # None becomes NaN
        return _mean(_known(mean_by(by_entry, self.case_of, cases)))


def _by_check(facts: Facts, cells: Longs) -> dict[str, tuple[float | None, int]]:
    """Returns for each check (its mean score over the cases of these cells or None, the number of cases with
    a score)."""
    entry, case_of = _entries(facts, cells)
    means = {}
    for at, check in enumerate(facts.checks):
        scores = facts.entry_scores(cells, entry, len(case_of), facts.scores[:, at])
        by_case = _known(mean_by(scores, case_of, len(facts.case_ids)))
        means[check] = (_mean(by_case), len(by_case))
    return means


def _cost_per_correct(facts: Facts, replies: Longs) -> float | None:
    """Returns the cost in US dollars of all replies to the cases that have a score, divided by the number of answers
    that scored 1; None if no answer did or a price is unknown. With self-consistency, all samples of a case are one
    answer."""
    entry, case_of = _entries(facts, replies)
    scores = facts.entry_scores(replies, entry, len(case_of), facts.score)
    spent = _sum(facts.cost_usd[replies][~np.isnan(scores)[entry]])
    correct = int((facts.score[replies[facts.counted[replies]]] == 1).sum())
    return spent / correct if spent is not None and correct else None


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _mean(values: Floats) -> float | None:
    return known(values.mean()) if len(values) else None


def _sum(values: Floats) -> float | None:
    """Returns the sum of the values; None if there are none or one is NaN."""
    return known(values.sum()) if len(values) else None
