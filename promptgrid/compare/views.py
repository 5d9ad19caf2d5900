"""Describes a view of a run by plain values only, so that it fits in a URL and serves as a cache key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from promptgrid.compare.axes import AXES, VARIANT, Axis
from promptgrid.errors import CompareError

ShowFilter = Literal["all", "differ", "wrong", "failed", "changed", "too_long"]
SHOWS: tuple[ShowFilter, ...] = ("all", "differ", "wrong", "failed", "changed", "too_long")

Metric = Literal["score", "agreement", "answers", "tokens", "cost", "latency", "length"]
METRICS: tuple[Metric, ...] = ("score", "agreement", "answers", "tokens", "cost", "latency", "length")


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions on a row; the empty filter shows all rows.

    show       all: every row
               differ: two columns have different voted answers; a column shown alone: its own replies differ
               wrong: a score is below 1; a reply that is not scored is not wrong
               failed: a cell failed, was refused or was too long; a pending or cancelled cell has not failed
               changed: a column's voted answer is not the baseline's
               too_long: a prompt was over the context limit
               `differ` and `changed` ignore cells without a reply; two replies without a readable answer are equal
    text       must be contained in the case (id, inputs, expected) or in an answer, output or error; case-insensitive
    below      a score must be below this value
    case_ids   the case must be one of these; empty: any case
    column     id of the one column that all conditions except `text` and `case_ids` apply to; "": all shown columns
    """

    show: ShowFilter = "all"
    text: str = ""
    below: float | None = None
    case_ids: tuple[str, ...] = ()
    column: str = ""


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of rows. Rows without a figure come last.

    by                 "case" (the order of the cases) or a metric
    column             id of the column whose metric counts; if no shown column has it, the mean over all shown columns
    against_baseline   sort by the metric's difference from the baseline
    """

    by: Literal["case"] | Metric = "case"
    column: str = ""
    descending: bool = False
    against_baseline: bool = False


@dataclass(frozen=True)
class View:
    """Which axes of a run stand on the rows and which on the columns of a comparison; cells that differ only on other
    axes are pooled.

    only       by axis, the values to include, as texts (see axes.value_text); other axes are not restricted
    column_ids ids of the columns to show, in this order; all columns in the grid's order if empty or if no id is known
    baseline   id of the column that the others are compared with, which comes first; "": the first shown column

    Raises CompareError where an axis is used twice or is unknown, and where no axis is on rows.
    """

    rows: tuple[Axis, ...] = ("case",)
    columns: tuple[Axis, ...] = VARIANT
    only: Mapping[Axis, tuple[str, ...]] = field(default_factory=dict)
    column_ids: tuple[str, ...] = ()
    baseline: str = ""
    filter: Filter = Filter()
    sort: Sort = Sort()

    def __post_init__(self) -> None:
        used = [*self.rows, *self.columns]
        unknown = {*used, *self.only} - set(AXES)
        if unknown or len(set(used)) < len(used) or not self.rows:
            sides = f"Rows {', '.join(self.rows) or 'of nothing'} and columns {', '.join(self.columns) or 'of nothing'}"
            raise CompareError(
                f"{sides} cannot be shown.", hint=f"Put each of {', '.join(AXES)} on rows or columns once at most."
            )

    @property
    def layout(self) -> tuple[object, ...]:
        """The part of the view that decides the rows and columns, as a hashable cache key; filters and order are left
        out."""
        only = tuple((axis, tuple(self.only[axis])) for axis in AXES if axis in self.only)
        return (frozenset(self.rows), frozenset(self.columns), only)
