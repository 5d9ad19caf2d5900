"""Summarises what each column retrieves: the measures with intervals, the comparison with the baseline, and for the
wrong answers the counts of their causes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid import stats
from promptgrid.compare.aggregate import Longs, mean_by
from promptgrid.compare.axes import Axis, AxisValue, Head
from promptgrid.compare.facts import Facts
from promptgrid.compare.families import of_columns
from promptgrid.compare.layouts import layout
from promptgrid.compare.views import View
from promptgrid.documents.answers.causes import CAUSES, Cause, cause
from promptgrid.documents.answers.measured import MeasuredRun, measured_run
from promptgrid.documents.chunks import Passage
from promptgrid.prompt.parameters import RETRIEVAL_PARAMETERS
from promptgrid.stats import Interval
from promptgrid.stats.intervals import Floats
from promptgrid.store import Database

MEASURED = ("hit", "recall", "precision", "reciprocal_rank", "ndcg")


@dataclass(frozen=True, slots=True)
class RetrievalSummary:
    """What one column retrieves, over the cases whose table has gold.

    cases      number of cases with gold passages
    means      the mean of each measure of MEASURED over these cases (None: not known), by its name
    intervals  the 95 % interval of each mean, by the name of the measure
    sentence   the comparison of the recall with the baseline's, in words, corrected for the number of columns; "": the
               column is the baseline, or no case is measured in both
    wrong      number of answers with a score below 1 to cases of known gold, those included that no document answers
    causes     how many of them are wrong for each cause that occurs, in the order of CAUSES
    """

    head: Head
    cases: int
    means: Mapping[str, float | None]
    intervals: Mapping[str, Interval | None]
    sentence: str
    wrong: int
    causes: Mapping[Cause, int]


def retrieval_summary(database: Database, facts: Facts, view: View) -> list[RetrievalSummary]:
    """Returns the summary of each column of the view that retrieves, its baseline first; empty if none does, or if no
    case has gold. The view's filters on rows have no effect."""
    run = facts.cached("retrieval", lambda: measured_run(database, facts.run_id))
    if run is None or not run.measures:
        return []
    arranged = layout(facts, view)
    columns = [at for at in arranged.column_indices(view) if _retrieves(run, facts, arranged.cells_in(at))]
    if not columns:
        return []
    cells = {at: arranged.cells_in(at) for at in columns}
    by_case = {at: _by_case(run, facts, cells[at]) for at in columns}
    recall = np.column_stack([by_case[at]["recall"] for at in columns])
    recall = recall[~np.isnan(recall).all(axis=1)]  # cases without gold are not a score that is missing
    versus, _ = of_columns(recall, range(len(columns)), look=facts.look)
    right = _right_by_oracle(run, facts)
    baseline = arranged.columns[columns[0]].label
    return [
        _summary(
            head := arranged.columns[at],
            by_case[at],
            f"Recall: {versus[number].sentence(head.label, baseline)}" if number in versus else "",
            _causes(run, facts, cells[at], right),
        )
        for number, at in enumerate(columns)
    ]


def _retrieves(run: MeasuredRun, facts: Facts, cells: Longs) -> bool:
    return any(int(position) in run.retrieval.of_cell for position in facts.position[cells])


def _by_case(run: MeasuredRun, facts: Facts, cells: Longs) -> dict[str, Floats]:
    """Returns for each measure an array with its mean over the column's cells of each case; NaN: not measured."""
    values = np.full((len(cells), len(MEASURED)), np.nan)
    for at, position in enumerate(facts.position[cells].tolist()):
        measures = run.measures.get(run.retrieval.of_cell.get(position, ("", "")))
        if measures is not None:
            values[at] = [np.nan if (v := getattr(measures, name)) is None else v for name in MEASURED]
    case = facts.case[cells].astype(np.int64)
    return {name: mean_by(values[:, at], case, len(facts.case_ids)) for at, name in enumerate(MEASURED)}


def _summary(head: Head, by_case: Mapping[str, Floats], sentence: str, causes: Mapping[Cause, int]) -> RetrievalSummary:
    known = {name: values[~np.isnan(values)] for name, values in by_case.items()}
    return RetrievalSummary(
        head=head,
        cases=len(known["recall"]),
        means={name: float(values.mean()) if len(values) else None for name, values in known.items()},
        intervals={name: stats.mean_interval(values) for name, values in known.items()},
        sentence=sentence,
        wrong=sum(causes.values()),
        causes=causes,
    )


_MEANINGS: Mapping[Cause, str] = {
    "not in the documents": "the case has no gold passage",
    "not retrieved": "less than half of the gold was shown",
    "retrieved, not used": "the gold was shown, and from the gold alone (oracle) the answer is right",
    "misread": "from the gold alone (oracle) the answer is wrong too",
    "retrieved, still wrong": "the gold was shown; a column with the retriever oracle would say whether it was misread",
}

_Question = tuple[int, tuple[tuple[Axis, AxisValue], ...]]
"""A case and the values of a variant apart from its retrieval: what two cells share that differ in that alone."""


def _question(facts: Facts, cell: int) -> _Question:
    values = facts.variants[facts.variant[cell]].values.items()
    return int(facts.case[cell]), tuple((axis, v) for axis, v in values if axis not in RETRIEVAL_PARAMETERS)


def _right_by_oracle(run: MeasuredRun, facts: Facts) -> Mapping[_Question, bool]:
    """Returns whether most of the answers from the gold alone are right, by what else they share with other cells."""
    scores: dict[_Question, list[bool]] = defaultdict(list)
    for cell in np.flatnonzero(facts.answered & facts.counted & ~np.isnan(facts.score)).tolist():
        setting = run.retrieval.of_cell.get(int(facts.position[cell]), ("", ""))[0]
        if setting and (run.retrieval.settings[setting].retriever or "").startswith("oracle"):
            scores[_question(facts, cell)].append(bool(facts.score[cell] == 1))
    return {question: 2 * sum(right) >= len(right) for question, right in scores.items()}


def _causes(run: MeasuredRun, facts: Facts, cells: Longs, right: Mapping[_Question, bool]) -> dict[Cause, int]:
    counts: Counter[Cause] = Counter()
    wrong = facts.answered & facts.counted & (facts.score < 1)
    for cell in cells[wrong[cells]].tolist():
        pair = run.retrieval.of_cell.get(int(facts.position[cell]))
        if pair is not None and pair[1] in run.gold:
            shown = [Passage(one.document, one.start, one.end) for one in run.retrieval.shown.get(pair, ())]
            counts[cause(run.gold[pair[1]], shown, right.get(_question(facts, cell)))] += 1
    return {name: counts[name] for name in CAUSES if counts[name]}


def retrieval_words(summaries: Sequence[RetrievalSummary]) -> tuple[list[str], list[list[str]]]:
    """Returns a table of words with a row for each column of the view: (headings, rows). A cause that occurs nowhere is
    left out."""
    causes = [name for name in CAUSES if any(name in one.causes for one in summaries)]
    rows = [
        [one.head.label, f"{one.cases:,}", *(_figure(one, name) for name in MEASURED), f"{one.wrong:,}",
         _commonest(one), *(f"{one.causes.get(name, 0):,}" for name in causes)]
        for one in summaries
    ]  # fmt: skip
    return ["Variant", "Cases with gold", "Hit", "Recall", "Precision", "MRR", "nDCG", "Wrong", "Mostly", *causes], rows


def _commonest(one: RetrievalSummary) -> str:
    """Returns the cause of most of the column's wrong answers; several if they are as common."""
    most = max(one.causes.values(), default=0)
    return "; ".join(name for name in CAUSES if most and one.causes.get(name) == most)


def causes_note(summaries: Sequence[RetrievalSummary]) -> str:
    """Returns what the table's measures and causes mean, in a few sentences; those of causes that occur nowhere are
    left out."""
    meanings = {name: _MEANINGS[name] for name in CAUSES if any(name in one.causes for one in summaries)}
    causes = "".join(f" {name[0].upper()}{name[1:]}: {meaning}." for name, meaning in meanings.items())
    return (
        "Measured by the gold passages of the cases, without a model, with 95 % intervals. Wrong: a score below 1, also"
        f" of questions that no document answers.{causes}"
    )


def _figure(one: RetrievalSummary, name: str) -> str:
    mean, interval = one.means[name], one.intervals[name]
    if mean is None:
        return ""
    shares = name in ("hit", "recall", "precision")
    text = f"{mean:.1%}" if shares else f"{mean:.3f}"
    if interval is None:
        return text
    return (
        f"{text} ({interval.low:.0%}–{interval.high:.0%})"
        if shares
        else (f"{text} ({interval.low:.2f}–{interval.high:.2f})")
    )
