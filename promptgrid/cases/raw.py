"""A table before its columns become variables: a header and rows of cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

from promptgrid.errors import CasesError

MAX_CASES = 100_000
MAX_COLUMNS = 1_000
MAX_DEPTH = 100  # lists and objects inside one another, in a value
MISSING = object()
"""The cell of a record whose field is missing or null; it differs from an empty text."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row that is not empty. `number` is its row number in a spreadsheet, `line` its line number in an editor."""

    number: int
    line: int
    cells: list[Any]

    @property
    def where(self) -> str:
        """Returns `row 3`, with the line number in the file if that differs."""
        return f"row {self.number}" if self.line == self.number else f"row {self.number} (line {self.line})"

    def __reduce__(self) -> tuple[type[TableRow], tuple[int, int, list[Any]]]:
        return TableRow, (self.number, self.line, self.cells)  # pickled in half the time


@dataclass(slots=True)
class RawTable:
    """The column names as written, the rows below, and notes on accepted deviations."""

    header: TableRow
    rows: Sequence[TableRow]
    notes: list[str] = field(default_factory=list)


def listed_rows(numbers: Sequence[int], limit: int = 5) -> str:
    """Returns `row 3`, `rows 3, 4, 9` or, for more than `limit` rows, `rows 3, 4, 9, 12, 13 and 7 more`."""
    return listed("row", [f"{number:,}" for number in numbers], limit)


def listed(noun: str, names: Sequence[str], limit: int = 5) -> str:
    """Returns the names in order after their noun, as in `case a`, or `cases a, b, c, d, e and 7 more`."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return f"{noun if len(names) == 1 else f'{noun}s'} {', '.join(names[:limit])}{more}"


def check_depth(value: Any, where: str) -> None:
    """Raises CasesError, which names the place `where`, for a value with more than MAX_DEPTH lists and objects inside
    one another: code that follows them to the end would overflow the stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner = [part.values() if isinstance(part, Mapping) else part for part in level if _holds_others(part)]
        if not inner:
            return
        level = list(chain.from_iterable(inner))
    raise CasesError(
        f"{where} has more than {MAX_DEPTH} lists or objects inside one another.", hint="Write it as text."
    )


def _holds_others(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple))


def json_value(value: Any, where: str) -> Any:
    """Returns a value from a table file as JSON; None for NaN. Raises CasesError, which names the place `where`, for a
    value that JSON cannot hold, or that is nested too deeply."""
    check_depth(value, where)
    return _json_value(value, where)


def _json_value(value: Any, where: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise CasesError(f"{where} is {value}, which is no JSON value.", hint="Leave the cell empty, or write a text.")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, timedelta, UUID)):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _json_value(one, where) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(one, where) for one in value]
    if type(value).__module__ == "numpy" and value.ndim == 0:
        return _json_value(value.item(), where)
    raise CasesError(f"{where} holds {type(value).__name__}, which is no value of a case.", hint="Write it as text.")
