"""Reads the texts for the rows of one page: the answers, their counts, and the differences from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from promptgrid.compare.aggregate import Longs, known
from promptgrid.compare.axes import Axis, AxisValue, Head, head_id, value_label
from promptgrid.compare.facts import STATUSES, Facts
from promptgrid.compare.layouts import Layout
from promptgrid.compare.rows import ComparisonRows
from promptgrid.compare.views import METRICS, Metric
from promptgrid.store import Database
from promptgrid.store.cell_columns import CaseText, CellText, case_texts, cell_texts
from promptgrid.text import cut

SHOWN = 600  # characters of a text that are read; the rest is in the database
TALLIES = 5  # distinct answers of a place whose texts are read

_COUNTS = ("samples", "answered", "votes", "distinct", "voted", "representative", "status")


@dataclass(frozen=True, slots=True)
class AnswerTally:
    """One of the distinct answers in one row and column. `answer` is None where no answer could be read.

    `count` is the number of replies that gave it, `score` their mean score, `position` the first cell that gave it.
    """

    answer: str | None
    count: int
    score: float | None
    position: int


@dataclass(frozen=True, slots=True)
class PooledCell:
    """All samples in one row and column of a comparison, pooled. Texts are cut to SHOWN characters.

    status, samples, answered    see Places
    statuses           the number of cells by status
    cases              the number of pooled cases
    answer, votes      the most common answer and the number of replies that gave it; `answer` is None where no answer
                       could be read and where several cases are pooled
    tallies            the distinct answers, the most common first, at most TALLIES; empty if several cases are pooled
    distinct           the number of distinct answers
    output, error      of the cell at the position `representative`; "" where several cases are pooled
    metrics            the figures by name (see Places); unknown ones are left out
    delta              the metrics minus those of the baseline, the first column; empty for the baseline
    differs            whether the voted answer differs from the baseline's
    positions          all cells, in the order of the run
    """

    row: str
    column: str
    status: str
    statuses: Mapping[str, int]
    samples: int
    answered: int
    cases: int
    answer: str | None
    votes: int
    distinct: int
    tallies: Sequence[AnswerTally]
    output: str
    error: str
    metrics: Mapping[Metric, float]
    delta: Mapping[Metric, float]
    differs: bool
    representative: int | None
    positions: Sequence[int]

    @property
    def score(self) -> float | None:
        """The mean score, 0 to 1; None when nothing was scored, which is not zero."""
        return self.metrics.get("score")

    @property
    def is_unread(self) -> bool:
        """Whether the replies of this one case were read, and none had an answer."""
        return self.answered > 0 and self.cases == 1 and self.answer is None

    @property
    def agreement(self) -> float | None:
        """The share of the replies that gave the voted answer; None with fewer than two replies."""
        return self.metrics.get("agreement")


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One row of a comparison: `entries` maps a column's id to the row's cell in that column; `case` has inputs and
    expected answer, and is None if the row is not a case."""

    head: Head
    entries: Mapping[str, PooledCell]
    case: CaseText | None = None

    @property
    def id(self) -> str:
        return self.head.id


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell of a PooledCell, as shown in a list of its samples; `number` counts the samples from 1."""

    position: int
    number: int
    status: str
    answer: str | None
    score: float | None


def page(database: Database, comparison: ComparisonRows, start: int, count: int) -> list[ComparisonRow]:
    """Returns `count` rows of the comparison with their texts, from the row with the index `start` on. A cell deleted
    in the meantime has no text."""
    rows = [int(row) for row in comparison.order[start : start + count]]
    drafts = _Drafts(comparison, rows)
    texts = cell_texts(database, comparison.facts.run_id, drafts.wanted, SHOWN)
    cases = _cases(database, comparison, rows)
    heads = _heads(comparison.layout, rows)
    return [
        ComparisonRow(head, drafts.entries(at, head.id, texts), cases.get(row))
        for at, (row, head) in enumerate(zip(rows, heads, strict=True))
    ]


def samples(database: Database, facts: Facts, entry: PooledCell) -> list[Sample]:
    """Returns the samples that are pooled in `entry`, with their answers; deleted cells are left out."""
    texts = cell_texts(database, facts.run_id, entry.positions, SHOWN)
    places = np.searchsorted(facts.position, np.array(entry.positions, dtype=np.int64))
    return [
        Sample(position, int(facts.sample[at]) + 1, STATUSES[facts.status[at]], excerpt(texts[position].answer),
               known(facts.score[at]))
        for position, at in zip(entry.positions, places, strict=True) if position in texts
    ]  # fmt: skip


def _heads(layout: Layout, rows: Sequence[int]) -> list[Head]:
    """Returns the head of each row, with its value on every row axis."""
    return [
        Head(head_id(values), values, [_line(axis, value) for axis, value in values.items()])
        for values in map(layout.row_values, rows)
    ]


def _line(axis: Axis, value: AxisValue) -> str:
    return value_label(axis, value)[: 6 if axis == "version" else None]


def _cases(database: Database, comparison: ComparisonRows, rows: Sequence[int]) -> dict[int, CaseText]:
    """Returns the case of each row; empty where rows are not cases."""
    if "case" not in comparison.layout.row_axes:
        return {}
    codes = {row: int(comparison.layout.case_of[row]) for row in rows}
    texts = case_texts(database, comparison.facts.run_id, set(codes.values()))
    return {row: texts[code] for row, code in codes.items() if code in texts}


class _Drafts:
    """The entries of some rows (indices in the layout) without their texts. The figures are read from the arrays for
    all rows at once, which is faster; `entries` adds the texts, which the caller reads from the database."""

    def __init__(self, comparison: ComparisonRows, rows: Sequence[int]) -> None:
        self._comparison, self._layout, self._rows = comparison, comparison.layout, rows
        facts, places = comparison.facts, comparison.layout.places
        at = np.ix_(np.array(rows, dtype=np.int64), np.array(comparison.column_indices, dtype=np.int64))
        self._counts = {name: getattr(places, name)[at].tolist() for name in _COUNTS}
        self._metrics = {name: places.metrics[name][at].tolist() for name in METRICS}
        self._tallies: dict[tuple[int, int], list[AnswerTally]] = {}
        self._cells = {
            (i, j): self._layout.cells_at(row, column)
            for i, row in enumerate(rows)
            for j, column in enumerate(comparison.column_indices)
            if self._counts["samples"][i][j]
        }
        if self._layout.by_case:
            self._tallies = {place: _tallies(facts, cells) for place, cells in self._cells.items()}

    @property
    def wanted(self) -> list[int]:
        """The positions of the cells whose texts are to be read."""
        tallied = [tally.position for tallies in self._tallies.values() for tally in tallies]
        representatives = [position for place in self._cells if (position := self._representative(place)) is not None]
        return sorted({*tallied, *representatives})

    def entries(self, row: int, row_id: str, texts: Mapping[int, CellText]) -> dict[str, PooledCell]:
        """Returns the entries of one row by the id of their column. `row` is the index of the row in the list `rows`
        that this object was made for, `row_id` its id; `texts` has the texts of cells by their position in the run."""
        heads = self._comparison.columns
        return {
            head.id: self._entry((row, j), row_id, head.id, texts) for j, head in enumerate(heads)
            if (row, j) in self._cells
        }  # fmt: skip

    def _entry(self, place: tuple[int, int], row_id: str, column_id: str, texts: Mapping[int, CellText]) -> PooledCell:
        facts, cells, (i, j) = self._comparison.facts, self._cells[place], place
        counts = {name: values[i][j] for name, values in self._counts.items()}
        position = self._representative(place)
        text = texts.get(-1 if position is None else position, CellText(None, None, ""))
        metrics = self._known(i, j)
        base = self._known(i, 0) if j else {}
        return PooledCell(
            row=row_id,
            column=column_id,
            status=STATUSES[counts["status"]],
            statuses=Counter(STATUSES[code] for code in facts.status[cells].tolist()),
            samples=counts["samples"],
            answered=counts["answered"],
            cases=1 if self._layout.by_case else len(np.unique(facts.case[cells])),
            answer=excerpt(text.answer) if counts["voted"] >= 0 else None,
            votes=counts["votes"],
            distinct=counts["distinct"],
            tallies=[AnswerTally(excerpt(texts[t.position].answer), t.count, t.score, t.position)
                     for t in self._tallies.get(place, ()) if t.position in texts],
            output=excerpt(text.output) or "",
            error=excerpt(text.error) or "",
            metrics=metrics,
            delta={name: value - base[name] for name, value in metrics.items() if name in base},
            differs=self._differs(i, j),
            representative=position,
            positions=facts.position[cells].tolist(),
        )  # fmt: skip

    def _representative(self, place: tuple[int, int]) -> int | None:
        cell = self._counts["representative"][place[0]][place[1]]
        return None if cell < 0 else int(self._comparison.facts.position[cell])

    def _known(self, i: int, j: int) -> dict[Metric, float]:
        return {name: value for name in METRICS if not isnan(value := self._metrics[name][i][j])}

    def _differs(self, i: int, j: int) -> bool:
        if not self._layout.by_case or "case" in self._layout.column_axes:
            return False
        answered, voted = self._counts["answered"][i], self._counts["voted"][i]
        return bool(answered[0] and answered[j] and voted[0] != voted[j])


def _tallies(facts: Facts, cells: Longs) -> list[AnswerTally]:
    """Returns the distinct answers of these cells with counts and scores, without their texts: the most common first,
    at most TALLIES."""
    replies = cells[facts.answered[cells]]
    by_answer: dict[int, list[int]] = {}
    for at, answer in enumerate(facts.answer[replies].tolist()):
        by_answer.setdefault(answer, []).append(at)
    scores, positions = facts.score[replies].tolist(), facts.position[replies].tolist()
    tallies = []
    for places in sorted(by_answer.values(), key=len, reverse=True)[:TALLIES]:
        scored = [scores[at] for at in places if not isnan(scores[at])]
        mean = sum(scored) / len(scored) if scored else None
        tallies.append(AnswerTally(None, len(places), mean, positions[places[0]]))
    return tallies


def excerpt(text: str | None) -> str | None:
    """Returns the first SHOWN characters of a text, with "…" if it is cut; None for None."""
    return None if text is None else cut(text, SHOWN)
