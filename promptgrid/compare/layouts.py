"""Arranges the facts of a run in rows × columns: votes, scores and costs of each place, as dense arrays.

All samples in a place are pooled. A place with several cases is first computed for each case (a `unit` is one case
within a row), then averaged: there is no vote across the answers to different cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptgrid.compare.aggregate import Bools, Ints, Longs, mean_by, mean_known, voted
from promptgrid.compare.axes import IN_ORDER, Axis, AxisValue, Head, head_id, heads, value_text
from promptgrid.compare.facts import ANSWERED, ENDED_BADLY, PENDING, STATUSES, Facts
from promptgrid.compare.views import METRICS, Metric, View
from promptgrid.stats.intervals import Floats


@dataclass(frozen=True, eq=False)
class Places:
    """The figures of each place of a table (all cells in one row and one column); every field is an array of rows ×
    columns.

    samples, answered    the number of cells, and the number of cells with a reply
    unread               the number of replies in which no answer could be read
    votes, voted         the number of votes for the most common answer, and its code in `Facts.answer` (in a tie the
                         answer that comes first; -1: there is none)
    distinct             the number of distinct answers; with several cases, the sum over the cases
    representative       the cell to show, as an index in Facts: the first that gave the voted answer, else the first
                         reply, else the first cell; -1: there is none
    status               index in STATUSES: answered if any cell is, else pending if any is, else the most common status
                         (with several cases instead: failed if any cell ended badly, else cancelled)
    failed, too_long     whether any cell failed; whether any prompt was over the context limit
    metrics              score, agreement, the mean tokens, cost, latency and length of a reply, and the number of
                         distinct answers; NaN: unknown
    """

    samples: Ints
    answered: Ints
    unread: Ints
    votes: Ints
    distinct: Ints
    voted: Ints
    representative: Ints
    status: Ints
    failed: Bools
    too_long: Bools
    metrics: Mapping[Metric, Floats]


@dataclass(frozen=True, eq=False)
class Layout:
    """The table of rows and columns that a view describes, before its filters. All cells in one row and one column are
    a place.

    cells, starts    indices of cells in Facts, sorted by row and column: the place p = `row * len(columns) + column`
                     has the cells `cells[starts[p]:starts[p + 1]]`
    row_keys         rows × `row_axes`: the values of each row, as indices in `Facts.values`
    units            the figures of each unit in each column; a unit is one case within a row of the table. If rows or
                     columns are cases, each row is one unit, and `units` is `places`
    row_of, case_of  for each unit, the index of its row and of its case; the case is -1 where columns are cases
    """

    facts: Facts
    row_keys: Ints
    row_axes: Sequence[Axis]
    column_axes: Sequence[Axis]
    columns: Sequence[Head]
    cells: Longs
    starts: Longs
    row_of: Ints
    case_of: Ints
    units: Places
    places: Places

    @property
    def by_case(self) -> bool:
        """Whether every place (row × column) holds the cells of a single case."""
        return self.units is self.places

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.row_keys), len(self.columns)

    @cached_property
    def place_of(self) -> Longs:
        """The place of each entry of `cells`, as the number `row * len(columns) + column`."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def row_ids(self) -> Sequence[str]:
        """The id of each row's head."""
        if len(self.row_axes) > 1:
            return [head_id(self.row_values(row)) for row in range(len(self.row_keys))]
        values = self.facts.values[self.row_axes[0]]
        return [value_text(values[code]) for code in self.row_keys[:, 0].tolist()]

    @cached_property
    def row_at(self) -> Mapping[str, int]:
        """The index of each row, by the row's id."""
        return {row_id: row for row, row_id in enumerate(self.row_ids)}

    def cells_at(self, row: int, column: int) -> Longs:
        """Returns the cells (indices in Facts) in one row and column, in the order of the run."""
        at = row * len(self.columns) + column
        return self.cells[self.starts[at] : self.starts[at + 1]]

    def cells_in(self, column: int) -> Longs:
        """Returns the cells (indices in Facts) of a column, row by row."""
        return self.cells[np.flatnonzero(self.place_of % max(1, len(self.columns)) == column)]

    def scores_by(self, checks: Sequence[str]) -> Floats:
        """Returns an array of rows × columns: the mean score in each place over these checks only; NaN: not scored."""
        size = self.shape[0] * self.shape[1]
        by_cell = mean_known(self.facts.scores[:, [self.facts.checks.index(check) for check in checks]])
        entry = np.repeat(np.arange(size), np.diff(self.starts))
        scores = self.facts.entry_scores(self.cells, entry, size, by_cell).reshape(self.shape)
        return np.where(self.places.samples > 0, scores, np.nan)

    def column_indices(self, view: View) -> list[int]:
        """Returns the indices of the columns that the view shows, in the view's order: first the baseline, with which
        the others are compared."""
        place = {head.id: i for i, head in enumerate(self.columns)}
        columns = [place[one] for one in view.column_ids if one in place] or list(range(len(self.columns)))
        return sorted(columns, key=lambda i: self.columns[i].id != view.baseline)

    def row_values(self, row: int) -> dict[Axis, AxisValue]:
        """Returns the row's value on each row axis."""
        values = self.facts.values
        return {axis: values[axis][code] for axis, code in zip(self.row_axes, self.row_keys[row].tolist(), strict=True)}


def layout(facts: Facts, view: View) -> Layout:
    """Returns the table of rows and columns that the view describes, without its filters; the result is cached with the
    facts."""
    return facts.cached(view.layout, lambda: _laid_out(facts, view))


def _laid_out(facts: Facts, view: View) -> Layout:
    cells = _selected(facts, view.only)
    row_axes, row_keys, row = _compressed(facts, view.rows, cells)
    column_axes, column_keys, column = _compressed(facts, view.columns, cells)
    values = facts.values
    columns = heads(
        [
            {axis: values[axis][code] for axis, code in zip(column_axes, key, strict=True)}
            for key in column_keys.tolist()
        ]
    )
    case, width = facts.case[cells], len(columns)
    if "case" in (*view.rows, *view.columns):
        unit, row_of = row.astype(np.int64), np.arange(len(row_keys), dtype=np.int32)
        case_of = np.full(len(row_keys), -1, dtype=np.int32)
        if "case" in view.rows:
            case_of[row] = case
    else:
        known, unit = np.unique(row.astype(np.int64) * max(1, len(facts.case_ids)) + case, return_inverse=True)
        row_of, case_of = (part.astype(np.int32) for part in np.divmod(known, max(1, len(facts.case_ids))))
    units = _places(facts, cells, unit * width + column, (len(row_of), width))
    places = units if len(row_of) == len(row_keys) else _pooled(units, row_of, (len(row_keys), width))
    at = row.astype(np.int64) * width + column
    order = np.argsort(at, kind="stable")
    starts = np.searchsorted(at[order], np.arange(len(row_keys) * width + 1))
    return Layout(facts, row_keys, row_axes, column_axes, columns, cells[order], starts, row_of, case_of, units, places)


def _selected(facts: Facts, only: Mapping[Axis, Sequence[str]]) -> Longs:
    """Returns the indices of the cells that match `only`: on each of its axes, they have one of the values listed (as
    texts)."""
    selected = np.ones(len(facts), dtype=np.bool_)
    texts = facts.axes if only else {}
    for axis, wanted in only.items():
        codes = [code for code, text in enumerate(texts[axis]) if text in set(wanted)]
        selected &= np.isin(facts.codes(axis), codes)
    return np.flatnonzero(selected)


def _compressed(facts: Facts, axes: Sequence[Axis], cells: Longs) -> tuple[list[Axis], Ints, Ints]:
    """Returns (the axes in their order, keys, numbers). `keys` has a line for each combination of values that occurs
    among these cells: their indices in `Facts.values`, one per axis. `numbers` has the line of each cell."""
    ordered = [axis for axis in IN_ORDER if axis in axes]
    key = np.zeros(len(cells), dtype=np.int64)
    sizes = [max(1, len(facts.values[axis])) for axis in ordered]
    for axis, size in zip(ordered, sizes, strict=True):
        key = key * size + facts.codes(axis)[cells]
    known, lines = np.unique(key, return_inverse=True)
    keys = np.empty((len(known), len(ordered)), dtype=np.int32)
    for at in reversed(range(len(ordered))):
        known, keys[:, at] = np.divmod(known, sizes[at])
    return ordered, keys, lines.astype(np.int32)


def _places(facts: Facts, cells: Longs, key: Longs, shape: tuple[int, int]) -> Places:
    """Returns the figures of each place, with the samples of a case pooled. `key` has for each of `cells` its place as
    a number; `shape` is (rows, columns). A score is the mean of the scores of the place's variants."""
    size = shape[0] * shape[1]
    status, answered = facts.status[cells], facts.answered[cells]
    answer = facts.answer[cells]
    by_status = np.bincount(key * len(STATUSES) + status, minlength=size * len(STATUSES)).reshape(size, len(STATUSES))
    counts = by_status[:, ANSWERED]
    vote = voted(key, answered, answer, size)
    commonest = by_status.argmax(axis=1)
    metrics: dict[Metric, Floats] = {
        "score": _score(facts, cells, key, size),
        "agreement": np.divide(vote.votes, counts, out=np.full(size, np.nan), where=counts > 1),
        "answers": np.where(counts > 0, vote.distinct, np.nan),
    }
    means: dict[Metric, Floats] = {
        "tokens": facts.tokens, "cost": facts.cost_usd, "latency": facts.latency_ms, "length": facts.chars
    }  # fmt: skip
    for name, values in means.items():
        metrics[name] = mean_by(np.where(answered, values[cells], np.nan), key, size)
    flat = {
        "samples": by_status.sum(axis=1),
        "answered": counts,
        "unread": counts - np.bincount(key[answered & (answer >= 0)], minlength=size),
        "votes": vote.votes,
        "distinct": vote.distinct,
        "voted": vote.voted,
        "representative": np.where(vote.representative >= 0, np.append(cells, -1)[vote.representative], -1),
        "status": np.where(counts > 0, ANSWERED, np.where(by_status[:, PENDING] > 0, PENDING, commonest)),
    }
    return Places(
        **{name: values.astype(np.int32).reshape(shape) for name, values in flat.items()},
        failed=(by_status[:, ENDED_BADLY].sum(axis=1) > 0).reshape(shape),
        too_long=(np.bincount(key[facts.too_long[cells]], minlength=size) > 0).reshape(shape),
        metrics={name: metrics[name].reshape(shape) for name in METRICS},
    )


def _score(facts: Facts, cells: Longs, key: Longs, size: int) -> Floats:
    """Returns for each place, 0 to `size` - 1, the mean of the scores of its variants. `key` has the place of each of
    `cells`."""
    own = key * max(1, len(facts.variants)) + facts.variant[cells]
    known, entry = np.unique(own, return_inverse=True)
    scores = facts.entry_scores(cells, entry, len(known), facts.score)
    return mean_by(scores, known // max(1, len(facts.variants)), size)


def _pooled(units: Places, row_of: Ints, shape: tuple[int, int]) -> Places:
    """Returns the figures of each row from those of its units (one case within a row): counts are added up, metrics are
    averaged over the cases. `row_of` has the row of each unit; `shape` is (rows, columns)."""
    size, width = shape[0] * shape[1], shape[1]
    key = (row_of[:, None].astype(np.int64) * width + np.arange(width)).ravel()

    def summed(values: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(key, weights=values.ravel(), minlength=size).reshape(shape)

    flat = {name: summed(getattr(units, name)).astype(np.int32) for name in
            ("samples", "answered", "unread", "votes", "distinct")}  # fmt: skip
    waits = summed(units.status == PENDING) > 0
    none = np.full(shape, -1, dtype=np.int32)
    bad = summed(units.failed) > 0
    return Places(
        **flat,
        voted=none,
        representative=none,
        status=np.where(flat["answered"] > 0, ANSWERED, np.where(waits, PENDING, np.where(bad, 2, 5))).astype(np.int32),
        failed=bad,
        too_long=summed(units.too_long) > 0,
        metrics={name: mean_by(values.ravel(), key, size).reshape(shape) for name, values in units.metrics.items()},
    )
