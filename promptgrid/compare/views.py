"""A view of a run: plain values only, usable in an address and as cache keys."""

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

    show       differ: two columns voted for different answers (a column that is alone: its replies are not all the
               same) · wrong: some score is below 1; not scored is not wrong · failed: some cell failed, was refused
               or was too long; what waits or was cancelled has not failed · changed: some column's voted answer is not
               the baseline's · too_long: some prompt was over the context limit. What brought no reply differs from
               nothing; a reply without a readable answer is "no answer", equal to another such.
    text       stands in its case (id, inputs, expected) or in an answer, output or error, whatever the capitals
    below      some score is below this
    case_ids   these cases only; empty: any
    column     with the id of a column, only that one is asked for all of the above but text and case_ids
    """

    show: ShowFilter = "all"
    text: str = ""
    below: float | None = None
    case_ids: tuple[str, ...] = ()
    column: str = ""


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of rows: `by` "case" that of the cases, else the mean of a metric in the column with this id or over
    all shown columns; `against_baseline`: its difference from the baseline. Rows without a figure come last."""

    by: Literal["case"] | Metric = "case"
    column: str = ""
    descending: bool = False
    against_baseline: bool = False


@dataclass(frozen=True)
class View:
    """The axes on rows and on columns. An axis on neither is pooled.

    only       by axis, the texts of the values (see axes.value_text) that are looked at; what is not named is all
    column_ids ids of the columns that are shown, empty or unknown: all
    baseline   id of the column that the others are compared with; it comes first. "": the first shown

    Raises CompareError where an axis stands twice or is not known.
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
        """The part of the view that decides the rows and columns."""
        only = tuple((axis, tuple(self.only[axis])) for axis in AXES if axis in self.only)
        return (frozenset(self.rows), frozenset(self.columns), only)
