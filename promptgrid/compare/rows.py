"""Selects and sorts the rows that a view shows, by arrays. Only the text filter reads texts."""

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
    """The rows of a comparison that match its view's filters.

    `order` holds their indices in the layout, sorted as the view asks. `column_indices` are the shown columns of the
    layout, first the baseline, with which the others are compared. `counts` has for each value of `Filter.show` the
    number of rows that match it and the other filters.
    """

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
        """The number of rows before filtering."""
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
        """Returns the id of the row at this index of `order`."""
        return self.layout.row_ids[int(self.order[index])]

    def index_of(self, row_id: str) -> int | None:
        """Returns the index of the row in `order`, or None if the row is not shown."""
        places = np.flatnonzero(self.order == self.layout.row_at.get(row_id, -1))
        return int(places[0]) if len(places) else None

    @property
    def summaries(self) -> list[VariantSummary]:
        """The summary of each shown column. It covers all rows, whether they match the filters or not."""
        return summarise(self.facts, self.view)

    def positions(self) -> list[int]:
        """Returns the positions in the run of all cells in the shown rows and columns: row by row, in a row in the
        run's order."""
        rank = np.full(len(self.layout.row_keys), -1, dtype=np.int64)
        rank[self.order] = np.arange(len(self.order))
        row, column = np.divmod(self.layout.place_of, max(1, len(self.layout.columns)))
        selected = np.flatnonzero((rank[row] >= 0) & np.isin(column, self.column_indices))
        cells = self.facts.position[self.layout.cells[selected]]
        positions: list[int] = cells[np.lexsort((cells, rank[row[selected]]))].tolist()
        return positions


def comparison_rows(database: Database, facts: Facts, view: View) -> ComparisonRows:
    """Returns the rows that the view shows, filtered and sorted. An unknown column, baseline or value in the view is
    ignored."""
    view_layout = layout(facts, view)
    columns = view_layout.column_indices(view)
    matches = _matches(database, view_layout, columns, view)
    flags = _flags(view_layout, columns, view)
    counts = {show: int(np.count_nonzero(matches & flags[show])) for show in SHOWS}
    order = np.flatnonzero(matches & flags[view.filter.show])
    if view.sort.by != "case" or view.sort.descending:
        order = order[_sorted(view_layout, columns, order, view)]
    return ComparisonRows(facts, view, view_layout, columns, order, counts)


def _columns_asked(layout: Layout, columns: Sequence[int], column_id: str) -> list[int]:
    """Returns, of these shown columns, the one with the id `column_id` as a list; all of them if none has this id."""
    return [i for i in columns if layout.columns[i].id == column_id] or list(columns)


def _matches(database: Database, layout: Layout, columns: Sequence[int], view: View) -> Bools:
    """Tells for each row whether it has a cell in these columns and passes the view's filters on text, case ids and
    score."""
    wanted, places = view.filter, layout.places
    matches = _any(places.samples[:, columns] > 0)
    if wanted.case_ids:
        ids = set(wanted.case_ids)
        codes = np.array([code for code, case_id in enumerate(layout.facts.case_ids) if case_id in ids], dtype=np.int64)
        matches &= _rows_with(layout, np.isin(layout.facts.case, codes))
    if wanted.below is not None:
        scores = places.metrics["score"][:, _columns_asked(layout, columns, wanted.column)]
        matches &= _any(scores < wanted.below)  # NaN (not scored) is not below any value
    if text := wanted.text.strip():
        matches &= _rows_with(layout, _mentions(database, layout.facts, text), columns)
    return matches


def _mentions(database: Database, facts: Facts, text: str) -> Bools:
    """Tells for each cell of the run whether its case, its reply or its error contains the text."""
    hits = matching(database, facts.run_id, text)
    return np.isin(facts.case, np.array(hits.cases, dtype=np.int64)) | np.isin(
        facts.position, np.array(hits.cells, dtype=np.int64)
    )


def _rows_with(layout: Layout, cells: Bools, columns: Sequence[int] | None = None) -> Bools:
    """Tells for each row whether it has one of the marked cells (`cells`: one flag per cell of the run) in one of these
    columns; None: in any column."""
    hits = np.zeros(layout.shape, dtype=np.bool_)
    hits.ravel()[layout.place_of[cells[layout.cells]]] = True
    return _any(hits if columns is None else hits[:, columns])


def _flags(layout: Layout, columns: Sequence[int], view: View) -> dict[ShowFilter, Bools]:
    """Returns a flag per row for each value of `Filter.show`, such as "differ": whether the row passes when that value
    is selected. Of the view's other filters, only `Filter.column` is applied."""
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
    """Tells for each unit (one case within a row) whether the shown columns (`columns`) have different voted answers.

    `some` are those of them that the filter applies to: one or all. If it is one of several, its answer must differ
    from that of another column. If only one column is shown, its own replies must have different answers.
    """
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
    """Tells for each unit (one case within a row) whether one of the columns `some` has another voted answer than the
    baseline column, whose index alone is in `baseline`. Columns without a reply are ignored. No unit has changed in a
    view with its cases on the columns."""
    if "case" in layout.column_axes:
        return np.zeros(len(layout.row_of), dtype=np.bool_)
    units = layout.units
    both = (units.answered[:, some] > 0) & (units.answered[:, baseline] > 0)
    return _any(both & (units.voted[:, some] != units.voted[:, baseline]))


def _any(flags: Bools) -> Bools:
    """Reduces an array of rows × columns to one flag per row: whether any flag of the row is set."""
    flagged: Bools = np.logical_or.reduce(flags, axis=1)
    return flagged


def _sorted(layout: Layout, columns: Sequence[int], order: Longs, view: View) -> Longs:
    """Returns indices into `order` (rows of the layout) that put these rows into the order of `view.sort`. By "case",
    they are reversed; otherwise rows without a figure come last, and equal rows keep their order. `columns` are the
    shown columns, the baseline first."""
    sort = view.sort
    if sort.by == "case":
        return np.arange(len(order))[::-1]
    values = layout.places.metrics[sort.by][order]
    if sort.against_baseline:
        values = values - values[:, columns[:1]]
        columns = columns[1:]
    figures = mean_known(values[:, _columns_asked(layout, columns, sort.column)])
    return np.argsort(-figures if sort.descending else figures, kind="stable")
