"""The texts of the rows that are on the screen: what was answered, how often, and how far it is from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid.compare.arranged import Arranged
from promptgrid.compare.axes import Axis, Head, head_id, value_text
from promptgrid.compare.facts import STATUSES, Facts, known
from promptgrid.compare.layouts import Layout, Longs
from promptgrid.compare.views import METRICS, Metric
from promptgrid.store import Database
from promptgrid.store.columns import CaseText, CellText, case_texts, cell_texts

SHOWN = 600  # characters of a text that are read; the rest is in the database
TALLIES = 5  # different answers of a place whose texts are read


@dataclass(frozen=True, slots=True)
class Tally:
    """One of the different answers of a place: how many replies gave it (`answer` None: none could be read), and their
    mean score. `position` is the first cell that gave it."""

    answer: str | None
    count: int
    score: float | None
    position: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row got from one column: all its samples pooled. Texts are cut to SHOWN characters.

    status, samples, answered    as Places has them; `statuses`: how many cells ended how; `cases`: so many are pooled
    answer, votes      the commonest answer and how many replies gave it; None where none could be read, and where
                       several cases are pooled, which have no answer in common
    tallies, distinct  the different answers, commonest first, at most TALLIES; how many there are
    output, error      of the cell to show, `shown`; "" where several cases are pooled
    metrics            means a reply, by name (see Places); those that are not known are not in it
    delta              the metrics less the baseline's; empty where there is none
    differs            the voted answer is not the baseline's
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
    tallies: Sequence[Tally]
    output: str
    error: str
    metrics: Mapping[Metric, float]
    delta: Mapping[Metric, float]
    differs: bool
    shown: int | None
    positions: Sequence[int]

    @property
    def score(self) -> float | None:
        """0 to 1; None when nothing was scored, which is not zero."""
        return self.metrics.get("score")

    @property
    def agreement(self) -> float | None:
        """Share of the replies that gave the voted answer; None with fewer than two replies."""
        return self.metrics.get("agreement")


@dataclass(frozen=True, slots=True)
class Row:
    """One row with its entries by the id of their column. Of a row that is a case also what it says."""

    head: Head
    entries: Mapping[str, Entry]
    case: CaseText | None = None

    @property
    def id(self) -> str:
        return self.head.id


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell of an entry, as a picker needs it; `number` is the sample's own, from 1."""

    position: int
    number: int
    status: str
    answer: str | None
    score: float | None


def page(database: Database, found: Arranged, start: int, count: int) -> list[Row]:
    """`count` rows of the order from `start` on; a cell that has gone in the meantime has no text."""
    at = [int(row) for row in found.order[start : start + count]]
    drafts = [_Draft(found, row, column) for row in at for column in found.shown if _any(found.layout, row, column)]
    wanted = {position for draft in drafts for position in draft.wanted}
    texts = cell_texts(database, found.facts.run_id, sorted(wanted), SHOWN)
    entries: dict[int, dict[str, Entry]] = {row: {} for row in at}
    for draft in drafts:
        entries[draft.row][draft.column_id] = draft.entry(texts)
    said = _cases(database, found, at)
    return [Row(head, entries[row], said.get(row)) for row, head in zip(at, _heads(found.layout, at), strict=True)]


def samples(database: Database, facts: Facts, entry: Entry) -> list[Sample]:
    """The cells of an entry, with their answers."""
    texts = cell_texts(database, facts.run_id, entry.positions, SHOWN)
    places = np.searchsorted(facts.position, np.array(entry.positions, dtype=np.int64))
    return [
        Sample(position, int(facts.sample[at]) + 1, STATUSES[facts.status[at]], cut(texts[position].answer),
               known(facts.score[at]))
        for position, at in zip(entry.positions, places, strict=True) if position in texts
    ]  # fmt: skip


def _any(layout: Layout, row: int, column: int) -> bool:
    return bool(layout.places.samples[row, column])


def _heads(layout: Layout, rows: Sequence[int]) -> list[Head]:
    """What tells a row apart among all rows, not only on this page: a single value, or all of them."""
    return [
        Head(head_id(values), values, [_line(axis, value_text(value)) for axis, value in values.items()])
        for values in map(layout.row_values, rows)
    ]


def _line(axis: Axis, text: str) -> str:
    return f"t = {text}" if axis == "temperature" else text[:6] if axis == "version" else text


def _cases(database: Database, found: Arranged, rows: Sequence[int]) -> dict[int, CaseText]:
    """By row, its case, where rows have one."""
    if "case" not in found.layout.row_axes:
        return {}
    codes = {row: int(found.layout.case_of[row]) for row in rows}
    texts = case_texts(database, found.facts.run_id, set(codes.values()))
    return {row: texts[code] for row, code in codes.items() if code in texts}


class _Draft:
    """An entry before its texts are read."""

    def __init__(self, found: Arranged, row: int, column: int) -> None:
        self.row, self.column_id = row, found.layout.columns[column].id
        self._found, self._column = found, column
        self._cells = found.layout.cells_at(row, column)
        self._tallies = list(_tallies(found.facts, self._cells)) if found.layout.by_case else []
        shown = int(found.layout.places.shown[row, column])
        self._shown = int(found.facts.position[shown]) if shown >= 0 else None

    @property
    def wanted(self) -> list[int]:
        """The positions of the cells whose texts are to be read."""
        return [tally.position for tally in self._tallies] + ([] if self._shown is None else [self._shown])

    def entry(self, texts: Mapping[int, CellText]) -> Entry:
        layout, places = self._found.layout, self._found.layout.places
        at = (self.row, self._column)
        shown = texts.get(-1 if self._shown is None else self._shown, CellText(None, None, ""))
        metrics, delta = self._metrics(self._column), {}
        baseline = self._found.shown[0]
        if self._column != baseline:
            base = self._metrics(baseline)
            delta = {name: value - base[name] for name, value in metrics.items() if name in base}
        read = places.voted[at] >= 0
        return Entry(
            row=head_id(layout.row_values(self.row)),
            column=self.column_id,
            status=STATUSES[places.status[at]],
            statuses=Counter(STATUSES[code] for code in self._found.facts.status[self._cells]),
            samples=int(places.samples[at]),
            answered=int(places.answered[at]),
            cases=1 if layout.by_case else len(np.unique(self._found.facts.case[self._cells])),
            answer=cut(shown.answer) if read else None,
            votes=int(places.votes[at]),
            distinct=int(places.distinct[at]),
            tallies=[Tally(cut(texts[t.position].answer), t.count, t.score, t.position)
                     for t in self._tallies if t.position in texts],
            output=cut(shown.output) or "",
            error=cut(shown.error) or "",
            metrics=metrics,
            delta=delta,
            differs=self._differs(),
            shown=self._shown,
            positions=self._found.facts.position[self._cells].tolist(),
        )  # fmt: skip

    def _metrics(self, column: int) -> dict[Metric, float]:
        figures = self._found.layout.places.metrics
        return {name: float(value) for name in METRICS if not np.isnan(value := figures[name][self.row, column])}

    def _differs(self) -> bool:
        layout, baseline = self._found.layout, self._found.shown[0]
        if not layout.by_case or "case" in layout.column_axes:
            return False
        answered, voted = layout.places.answered[self.row], layout.places.voted[self.row]
        both = answered[baseline] > 0 and answered[self._column] > 0
        return bool(both and voted[baseline] != voted[self._column])


def _tallies(facts: Facts, cells: Longs) -> Iterator[Tally]:
    """The different answers among the replies, of equals the one seen first; without their texts."""
    replies = [int(cell) for cell in cells[facts.answered[cells]]]
    said = [int(facts.answer[cell]) for cell in replies]
    for answer, count in Counter(said).most_common(TALLIES):
        giving = [cell for cell, code in zip(replies, said, strict=True) if code == answer]
        scores = facts.score[giving]
        mean = scores[~np.isnan(scores)]
        yield Tally(None, count, float(mean.mean()) if len(mean) else None, int(facts.position[giving[0]]))


def cut(text: str | None) -> str | None:
    """The beginning of a text, with "…" where something is left out."""
    return text if text is None or len(text) <= SHOWN else text[:SHOWN] + "…"
