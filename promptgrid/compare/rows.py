"""Which rows of a view are shown, in which order: filters and sorting over arrays. No text is read but to find one."""

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
class Arranged:
    """The rows that match, in their order: `order` holds places in the layout. `shown` are the layout's columns that
    are shown, the baseline first; `counts` says how many rows each `show` would leave, everything else as it is."""

    facts: Facts
    view: View
    layout: Layout
    shown: Sequence[int]
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
        return [self.layout.columns[column] for column in self.shown]

    def row_id(self, index: int) -> str:
        """The id of the row at this place of the order."""
        return self.layout.row_ids[int(self.order[index])]

    def index_of(self, row_id: str) -> int | None:
        """Where the row stands in the order; None: it is not shown."""
        found = np.flatnonzero(self.order == self.layout.row_at.get(row_id, -1))
        return int(found[0]) if len(found) else None

    @property
    def summaries(self) -> list[VariantSummary]:
        """One a shown column, over all rows and not only those that match."""
        return summarise(self.facts, self.view)

    def positions(self) -> list[int]:
        """Every cell of the rows and columns that are shown: row by row as they stand, of each in the run's order."""
        rank = np.full(len(self.layout.row_keys), -1, dtype=np.int64)
        rank[self.order] = np.arange(len(self.order))
        row, column = np.divmod(self.layout.place_of, max(1, len(self.layout.columns)))
        kept = np.flatnonzero((rank[row] >= 0) & np.isin(column, self.shown))
        found = self.facts.position[self.layout.cells[kept]]
        positions: list[int] = found[np.lexsort((found, rank[row[kept]]))].tolist()
        return positions


def arranged(database: Database, facts: Facts, view: View) -> Arranged:
    """The rows of the view. A column, baseline or value that is not there is as if it was not named."""
    found = layout(facts, view)
    shown = found.shown(view)
    matches = _matches(database, found, shown, view)
    flags = _flags(found, shown, view)
    counts = {show: int(np.count_nonzero(matches & flags[show])) for show in SHOWS}
    order = np.flatnonzero(matches & flags[view.filter.show])
    if view.sort.by != "case" or view.sort.descending:
        order = order[_sorted(found, shown, order, view)]
    return Arranged(facts, view, found, shown, order, counts)


def _asked(found: Layout, shown: Sequence[int], column_id: str) -> list[int]:
    """The column of this id alone, where it is shown; else all that are."""
    return [i for i in shown if found.columns[i].id == column_id] or list(shown)


def _matches(database: Database, found: Layout, shown: Sequence[int], view: View) -> Bools:
    """By row: it has a cell in the shown columns, and is what text, ids and score ask for."""
    wanted, places = view.filter, found.places
    kept = _any(places.samples[:, shown] > 0)
    if wanted.case_ids:
        ids = set(wanted.case_ids)
        codes = np.array([code for code, case_id in enumerate(found.facts.case_ids) if case_id in ids], dtype=np.int64)
        kept &= _rows_with(found, np.isin(found.facts.case, codes))
    if wanted.below is not None:
        scores = places.metrics["score"][:, _asked(found, shown, wanted.column)]
        kept &= _any(scores < wanted.below)  # not scored is not below anything
    if text := wanted.text.strip():
        kept &= _rows_with(found, _mentions(database, found.facts, text), shown)
    return kept


def _mentions(database: Database, facts: Facts, text: str) -> Bools:
    """By cell: its case or what it brought has the text."""
    hits = matching(database, facts.run_id, text)
    return np.isin(facts.case, np.array(hits.cases, dtype=np.int64)) | np.isin(
        facts.position, np.array(hits.cells, dtype=np.int64)
    )


def _rows_with(found: Layout, cells: Bools, shown: Sequence[int] | None = None) -> Bools:
    """The rows that have one of these cells, in one of these columns."""
    hits = np.zeros(found.shape, dtype=np.bool_)
    hits.ravel()[found.place_of[cells[found.cells]]] = True
    return _any(hits if shown is None else hits[:, shown])


def _flags(found: Layout, shown: Sequence[int], view: View) -> dict[ShowFilter, Bools]:
    """By row, what each `show` asks for (see Filter)."""
    units, some = found.units, _asked(found, shown, view.filter.column)
    by_unit: dict[ShowFilter, Bools] = {
        "all": np.ones(len(found.row_of), dtype=np.bool_),
        "differ": _differ(found, shown, some),
        "wrong": _any(units.metrics["score"][:, some] < 1),
        "failed": _any(units.failed[:, some]),
        "changed": _changed(found, shown[:1], some),
        "too_long": _any(units.too_long[:, some]),
    }
    rows = found.shape[0]
    return {show: np.bincount(found.row_of[flags], minlength=rows) > 0 for show, flags in by_unit.items()}


def _differ(found: Layout, shown: Sequence[int], some: Sequence[int]) -> Bools:
    """Two voted answers are not the same; of a single column, that it is not another's, or where it is alone that its
    own replies are not all the same."""
    units = found.units
    if "case" in found.column_axes:
        return np.zeros(len(found.row_of), dtype=np.bool_)
    if len(shown) == 1:
        return np.greater(units.distinct[:, shown[0]] + (units.unread[:, shown[0]] > 0), 1)
    if len(some) == 1:
        return _changed(found, some, shown)
    answered, voted = units.answered[:, shown] > 0, units.voted[:, shown]
    highest = np.where(answered, voted, -2).max(axis=1, initial=-2)
    most = np.iinfo(np.int32).max
    lowest = np.where(answered, voted, most).min(axis=1, initial=most)
    differ: Bools = _any(answered) & (highest != lowest)
    return differ


def _changed(found: Layout, baseline: Sequence[int], some: Sequence[int]) -> Bools:
    """Some column's voted answer is not the baseline's, both having brought a reply."""
    if "case" in found.column_axes:
        return np.zeros(len(found.row_of), dtype=np.bool_)
    units = found.units
    both = (units.answered[:, some] > 0) & (units.answered[:, baseline] > 0)
    return _any(both & (units.voted[:, some] != units.voted[:, baseline]))


def _any(flags: Bools) -> Bools:
    """By row, whether one of its flags is set."""
    found: Bools = np.logical_or.reduce(flags, axis=1)
    return found


def _sorted(found: Layout, shown: Sequence[int], order: Longs, view: View) -> Longs:
    """How the rows in this order are to be taken; rows without a figure last, equals as they were."""
    sort = view.sort
    if sort.by == "case":
        return np.arange(len(order))[::-1]
    values = found.places.metrics[sort.by][order]
    if sort.against_baseline:
        values = values - values[:, shown[:1]]
        shown = shown[1:]
    figures = mean_known(values[:, _asked(found, shown, sort.column)])
    return np.argsort(-figures if sort.descending else figures, kind="stable")
