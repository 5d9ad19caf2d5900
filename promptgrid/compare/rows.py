"""The rows that a view shows, and their order: filters and sorting over arrays. Only a text filter reads texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid.compare.aggregate import Bools, Longs, mean_known
from promptgrid.compare.axes import Head
from promptgrid.compare.facts import Facts
from promptgrid.compare.layouts import Layout, layout
from promptgrid.compare.summary import VariantSummary, summarise
from promptgrid.compare.views import SHOWS, ShowFilter, View
from promptgrid.store import Database
from promptgrid.store.search import matching


@dataclass(frozen=True, eq=False)
class ComparisonRows:
    """The rows that match a view's filters: `order` holds their indices in the layout, sorted. `column_indices` are the
    shown columns of the layout, the baseline first. `counts` has the number of rows that would match with each value
    of `Filter.show`, the other filters unchanged."""

    facts: Facts
    view: View
    layout: Layout
    column_indices: Sequence[int]
    order: Longs
    counts: dict[ShowFilter, int]

    def __len__(self) -> int:
        return len(self.order)

    @property
    def total(self) -> int:
        """How many rows there are before anything is filtered."""
        return len(self.layout.row_keys)

    @property
    def all_columns(self) -> Sequence[Head]:
        """All columns, in the order of the grid."""
        return self.layout.columns

    @property
    def columns(self) -> list[Head]:
        """The shown columns, the baseline first."""
        return [self.layout.columns[column] for column in self.column_indices]

    def row_id(self, index: int) -> str:
        """The id of the row at this place of the order."""
        return self.layout.row_ids[int(self.order[index])]

    def index_of(self, row_id: str) -> int | None:
        """Where the row stands in the order; None: it is not shown."""
        places = np.flatnonzero(self.order == self.layout.row_at.get(row_id, -1))
        return int(places[0]) if len(places) else None

    @property
    def summaries(self) -> list[VariantSummary]:
        """One a shown column, over all rows and not only those that match."""
        return summarise(self.facts, self.view)

    def positions(self) -> list[int]:
        """Every cell of the rows and columns that are shown: row by row as they stand, of each in the run's order."""
        rank = np.full(len(self.layout.row_keys), -1, dtype=np.int64)
        rank[self.order] = np.arange(len(self.order))
        row, column = np.divmod(self.layout.place_of, max(1, len(self.layout.columns)))
        selected = np.flatnonzero((rank[row] >= 0) & np.isin(column, self.column_indices))
        cells = self.facts.position[self.layout.cells[selected]]
        positions: list[int] = cells[np.lexsort((cells, rank[row[selected]]))].tolist()
        return positions


def comparison_rows(database: Database, facts: Facts, view: View) -> ComparisonRows:
    """The rows of the view. An unknown column, baseline or value is ignored."""
    laid_out = layout(facts, view)
    columns = laid_out.column_indices(view)
    matches = _matches(database, laid_out, columns, view)
    flags = _flags(laid_out, columns, view)
    counts = {show: int(np.count_nonzero(matches & flags[show])) for show in SHOWS}
    order = np.flatnonzero(matches & flags[view.filter.show])
    if view.sort.by != "case" or view.sort.descending:
        order = order[_sorted(laid_out, columns, order, view)]
    return ComparisonRows(facts, view, laid_out, columns, order, counts)


def _columns_asked(layout: Layout, columns: Sequence[int], column_id: str) -> list[int]:
    """The column of this id where it is shown, else all shown columns."""
    return [i for i in columns if layout.columns[i].id == column_id] or list(columns)


def _matches(database: Database, layout: Layout, columns: Sequence[int], view: View) -> Bools:
    """By row, whether it has a cell in the shown columns and passes the filters by text, id and score."""
    wanted, places = view.filter, layout.places
    matches = _any(places.samples[:, columns] > 0)
    if wanted.case_ids:
        ids = set(wanted.case_ids)
        codes = np.array([code for code, case_id in enumerate(layout.facts.case_ids) if case_id in ids], dtype=np.int64)
        matches &= _rows_with(layout, np.isin(layout.facts.case, codes))
    if wanted.below is not None:
        scores = places.metrics["score"][:, _columns_asked(layout, columns, wanted.column)]
        matches &= _any(scores < wanted.below)  # not scored is not below anything
    if text := wanted.text.strip():
        matches &= _rows_with(layout, _mentions(database, layout.facts, text), columns)
    return matches


def _mentions(database: Database, facts: Facts, text: str) -> Bools:
    """By cell, whether its case, its reply or its error contains the text."""
    hits = matching(database, facts.run_id, text)
    return np.isin(facts.case, np.array(hits.cases, dtype=np.int64)) | np.isin(
        facts.position, np.array(hits.cells, dtype=np.int64)
    )


def _rows_with(layout: Layout, cells: Bools, columns: Sequence[int] | None = None) -> Bools:
    """By row, whether it has one of these cells in one of these columns."""
    hits = np.zeros(layout.shape, dtype=np.bool_)
    hits.ravel()[layout.place_of[cells[layout.cells]]] = True
    return _any(hits if columns is None else hits[:, columns])


def _flags(layout: Layout, columns: Sequence[int], view: View) -> dict[ShowFilter, Bools]:
    """By row, whether it passes each `show` filter (see Filter)."""
    units, some = layout.units, _columns_asked(layout, columns, view.filter.column)
    by_unit: dict[ShowFilter, Bools] = {
        "all": np.ones(len(layout.row_of), dtype=np.bool_),
        "differ": _differ(layout, columns, some),
        "wrong": _any(units.metrics["score"][:, some] < 1),
        "failed": _any(units.failed[:, some]),
        "changed": _changed(layout, columns[:1], some),
        "too_long": _any(units.too_long[:, some]),
    }
    rows = layout.shape[0]
    return {show: np.bincount(layout.row_of[flags], minlength=rows) > 0 for show, flags in by_unit.items()}


def _differ(layout: Layout, columns: Sequence[int], some: Sequence[int]) -> Bools:
    """Two voted answers are not the same; of a single column, that it is not another's, or where it is alone that its
    own replies are not all the same."""
    units = layout.units
    if "case" in layout.column_axes:
        return np.zeros(len(layout.row_of), dtype=np.bool_)
    if len(columns) == 1:
        return np.greater(units.distinct[:, columns[0]] + (units.unread[:, columns[0]] > 0), 1)
    if len(some) == 1:
        return _changed(layout, some, columns)
    answered, voted = units.answered[:, columns] > 0, units.voted[:, columns]
    highest = np.where(answered, voted, -2).max(axis=1, initial=-2)
    most = np.iinfo(np.int32).max
    lowest = np.where(answered, voted, most).min(axis=1, initial=most)
    differ: Bools = _any(answered) & (highest != lowest)
    return differ


def _changed(layout: Layout, baseline: Sequence[int], some: Sequence[int]) -> Bools:
    """Whether a column's voted answer is not the baseline's, where both have a reply."""
    if "case" in layout.column_axes:
        return np.zeros(len(layout.row_of), dtype=np.bool_)
    units = layout.units
    both = (units.answered[:, some] > 0) & (units.answered[:, baseline] > 0)
    return _any(both & (units.voted[:, some] != units.voted[:, baseline]))


def _any(flags: Bools) -> Bools:
    """By row, whether one of its flags is set."""
    flagged: Bools = np.logical_or.reduce(flags, axis=1)
    return flagged


def _sorted(layout: Layout, columns: Sequence[int], order: Longs, view: View) -> Longs:
    """The permutation that sorts these rows; rows without a figure come last, equal rows keep their order."""
    sort = view.sort
    if sort.by == "case":
        return np.arange(len(order))[::-1]
    values = layout.places.metrics[sort.by][order]
    if sort.against_baseline:
        values = values - values[:, columns[:1]]
        columns = columns[1:]
    figures = mean_known(values[:, _columns_asked(layout, columns, sort.column)])
    return np.argsort(-figures if sort.descending else figures, kind="stable")
