"""Reads test cases from a table: CSV, TSV, JSON, JSON Lines, an Excel workbook, Parquet, or text pasted from a
spreadsheet.

Unambiguous input is read, with a note of each accepted deviation; ambiguous input raises CasesError with row and
column. Rows are numbered as in a spreadsheet: the header is row 1. Text stays text (`007`, `NA`), which is why pandas
is not used; values of JSON, workbooks and Parquet keep their types.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from promptgrid.cases.decoding import MAX_BYTES, decoded, megabytes
from promptgrid.cases.delimited import read_delimited
from promptgrid.cases.own_checks import CHECKS, checks_text, own_checks
from promptgrid.cases.raw import MAX_CASES, MAX_COLUMNS, MISSING, RawTable, TableRow, listed_rows
from promptgrid.cases.records import SUFFIXES, looks_like_records, read_records
from promptgrid.compact import NumberMap, Packed, hash64
from promptgrid.errors import CasesError
from promptgrid.grading import CheckSpec
from promptgrid.suggestions import did_you_mean
from promptgrid.text import value_text

MAX_HEADER = 200  # characters of a column's name
MAX_ROW = 2_000_000  # characters of a case's texts: no prompt takes more (prompt.bounds.MAX_CHARS)
TOO_LARGE = f"left out: more than {MAX_ROW:,} characters, which no prompt takes"
EXPECTED = "expected"
FORMATS = ("csv", "tsv", "txt", "jsonl", "ndjson", "json", "xlsx", "parquet")
"""The suffixes of tables that can be read."""

_ANSWERS = (
    "answer", "answers", "target", "targets", "label", "labels", "ideal", "gold", "gold_answer", "golden", "reference",
    "ground_truth", "groundtruth", "correct_answer", "correct", "expected_output", "expectedoutput", "expected_answer",
    "__expected", "output", "outputs", "completion", "solution", "sentiment", "category", "答案", "标签",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a table.

    inputs    every column but `expected` and `checks`, as text or any other JSON value
    expected  the accepted answer as text, or several as a JSON list; None if the cell is empty or missing
    part      learn, choose or prove (see `parts`); "" if the cases have no parts
    checks    the checks that score the replies to this case only (see `own_checks`)
    """

    id: str
    inputs: Mapping[str, Any]
    expected: str | None = None
    part: str = ""
    checks: tuple[CheckSpec, ...] = ()

    def __reduce__(self) -> tuple[type[Case], tuple[Any, ...]]:
        return Case, (self.id, dict(self.inputs), self.expected, self.part, self.checks)  # pickled in half the time


@dataclass(frozen=True, slots=True)
class Cases:
    """A table of cases; `columns` are its headers in order, `notes` name deviations accepted on reading."""

    cases: Sequence[Case]
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_cases(source: Path | bytes, *, name: str = "", expected: str = "", encoding: str = "") -> Cases:
    """Reads cases from a file or its bytes, at most 100 MB and 100,000 cases; errors refer to it as `name`.

    `expected` names the column with the right answers if that is not called `expected`. `encoding` is required for text
    that is not UTF-8 and has no byte order mark. An `id` or `case_id` column names the cases if its values are complete
    and unique; else the names are "1", "2", … A row that is too large for a prompt is left out, with a note. Raises
    CasesError, of which EncodingError is a subclass.
    """
    data = source if isinstance(source, bytes) else _read(source)
    name = name or (source.name if isinstance(source, Path) else "the table")
    if len(data) > MAX_BYTES:
        raise _too_large(name, len(data))
    raw = _raw(data, name, encoding)
    columns = _columns(raw, name, expected)
    if not raw.rows:
        raise CasesError(f"{name} has a header ({', '.join(columns)}) but no rows.", hint="Add a row below it.")
    if len(raw.rows) > MAX_CASES:
        raise CasesError(f"{name} has more than {MAX_CASES:,} rows.", hint="Split it into smaller files.")
    cases = Packed(_case(number, row, columns, name) for number, row in _small_rows(raw, name))
    return Cases(_named(cases, columns, raw.notes), columns, tuple(raw.notes))


def parse_cases(text: str, *, expected: str = "") -> Cases:
    """Reads cases from typed or pasted text; a paste from a spreadsheet is separated by tabs. `expected` names the
    column with the right answers if that is not called `expected`. Raises CasesError."""
    return read_cases(text.encode("utf-8", "replace"), name="the pasted table", expected=expected)


def answer_columns(columns: Iterable[str]) -> list[str]:
    """Returns the columns whose names suggest that they hold the right answers; [] if one is called `expected`."""
    names = {column.casefold().replace(" ", "_").replace("-", "_"): column for column in columns}
    return [] if EXPECTED in names else [names[name] for name in _ANSWERS if name in names]


def cases_csv(cases: Iterable[Case], columns: Sequence[str]) -> str:
    """Returns these columns of the cases as CSV (CRLF, all cells quoted) for `read_cases`; values that are not text are
    written as JSON.

    Formulas are not escaped: a prompt must get exactly the text of the table.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for case in cases:
        writer.writerow([cell_text(case, column) for column in columns])
    return out.getvalue()


def cases_jsonl(cases: Iterable[Case]) -> str:
    """Returns the cases as JSON Lines for `read_cases`, with their ids and the types of their values."""
    lines = []
    for case in cases:
        record = {"case_id": case.id, **case.inputs}
        record |= {} if case.expected is None else {EXPECTED: case.expected}
        record |= {CHECKS: [*map(str, case.checks)]} if case.checks else {}
        lines.append(json.dumps(record))
    return "\n".join(lines) + "\n"


def cell_text(case: Case, column: str) -> str:
    """Returns the case's value in the column of this name as text; "" if it has none."""
    if column.casefold() == EXPECTED:
        return case.expected or ""
    if column == CHECKS:
        return checks_text(case.checks)
    value = case.inputs.get(column)
    return "" if value is None else value_text(value)


def case_of(number: int, values: Mapping[str, Any], where: str) -> Case:
    """Returns a case made of the values of a row by column name, `expected` and `checks` among them; None means no
    value. Its id is `number` as text; `where` names the row in errors. Raises CasesError for checks that cannot be
    used."""
    inputs = {name: value for name, value in values.items() if value is not None}
    expected = inputs.pop(EXPECTED, None)
    text = "" if expected is None else value_text(expected)
    checks = own_checks(inputs.pop(CHECKS, ""), where)
    return Case(str(number), inputs, text if text.strip() else None, checks=checks)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CasesError(f"Cannot read {path}: {error.strerror}.", hint="Check the path of the table.") from error


def _too_large(name: str, size: int) -> CasesError:
    return CasesError(
        f"{name} is larger than {megabytes(MAX_BYTES)} (it has {megabytes(size)} or more).",
        hint="Split it into smaller files.",
    )


def _raw(data: bytes, name: str, encoding: str) -> RawTable:
    """Reads the table in the data. Its first bytes decide the format; JSON is also read if `name` ends as a JSON file's
    does."""
    from promptgrid.cases import workbook

    if data.startswith(b"PAR1"):
        return workbook.read_parquet(data, name)
    if data.startswith(b"PK\x03\x04") and workbook.is_workbook(data):
        return workbook.read_workbook(data, name)
    text, notes = decoded(data, name, encoding)
    is_json = Path(name).suffix.lower() in SUFFIXES or looks_like_records(text)
    raw = read_records(text, name) if is_json else read_delimited(text, name)
    return replace(raw, notes=[*notes, *raw.notes])


def _columns(raw: RawTable, name: str, expected: str) -> tuple[str, ...]:
    """Returns the checked column names of a table. The column with the right answers, which `expected` may name, is
    renamed to "expected". Raises CasesError."""
    header = raw.header
    if len(header.cells) > MAX_COLUMNS:
        raise CasesError(
            f"{name} has {len(header.cells):,} columns, more than {MAX_COLUMNS:,}.", hint="Leave some out."
        )
    names = [_column(cell, number, name, raw) for number, cell in enumerate(header.cells, 1)]
    at = _expected_at(names, expected, name)
    columns = [EXPECTED if number == at else column for number, column in enumerate(names)]
    if expected and at is not None:
        columns = [f"{c} (column)" if c == EXPECTED and number != at else c for number, c in enumerate(columns)]
    columns = [CHECKS if column.casefold() == CHECKS else column for column in columns]
    _refuse_duplicates(columns, name, header)
    return tuple(columns)


def _column(cell: str, number: int, name: str, raw: RawTable) -> str:
    column = cell.strip()
    if len(column) > MAX_HEADER or "\0" in column:
        where = f"{name}: {raw.header.where}, column {number}"
        message = f"{where} is no name ({column[:40]!r}, {len(column):,} characters)."
        raise CasesError(message, hint="The first row names the columns, e.g. text,expected.")
    if not column:
        raw.notes.append(f"column {number} has no name: read as column_{number}")
    elif column != cell:
        raw.notes.append(f"header {cell!r} trimmed")
    return column or f"column_{number}"


def _expected_at(names: Sequence[str], expected: str, name: str) -> int | None:
    """Returns the index of the column with the right answers: the one that the user names by `expected`, else the one
    called "expected"; None if there is none."""
    wanted = expected.strip() or EXPECTED
    folded = [column.casefold() for column in names]
    if wanted in names or wanted.casefold() in folded:
        return names.index(wanted) if wanted in names else folded.index(wanted.casefold())
    if expected:
        hint = did_you_mean(expected, names)
        raise CasesError(f"{name} has no column {expected!r}; it has {', '.join(names)}.", hint=hint)
    return None


def _refuse_duplicates(columns: Sequence[str], name: str, row: TableRow) -> None:
    first: dict[str, int] = {}
    for number, header in enumerate(columns, start=1):
        key = EXPECTED if header.casefold() == EXPECTED else header
        if key in first:
            raise CasesError(
                f"{name}: columns {first[key]} and {number} in {row.where} are both called {key!r}.",
                hint="Give each column a name of its own.",
            )
        first[key] = number


def _small_rows(raw: RawTable, name: str) -> Iterator[tuple[int, TableRow]]:
    """Yields (number, row) of each row that a prompt can take; the numbers count all rows from 1. Rows that are too
    large are named in a note. Raises CasesError if no row is left."""
    large = []
    for number, row in enumerate(raw.rows, 1):
        if is_too_large(row.cells):
            large.append(row.number)
        else:
            yield number, row
    if large:
        left_out = f"{listed_rows(large)} {TOO_LARGE}"
        if len(large) == len(raw.rows):
            raise CasesError(f"{name}: {left_out}.", hint="Split each into several rows.")
        raw.notes.append(left_out)


def is_too_large(values: Iterable[Any]) -> bool:
    """Returns whether the values of a case are together longer than any prompt can be."""
    return sum(len(value_text(value)) for value in values if isinstance(value, (str, list, dict))) > MAX_ROW


def _case(number: int, row: TableRow, columns: Sequence[str], name: str) -> Case:
    for column, cell in zip(columns, row.cells, strict=True):
        if isinstance(cell, str) and "\0" in cell:
            message = f"{name}: {row.where}, column {column!r} holds a NUL character."
            raise CasesError(message, hint="Save the table again as CSV in UTF-8.")
    values = {column: cell for column, cell in zip(columns, row.cells, strict=True) if cell is not MISSING}
    return case_of(number, values, f"{name}: {row.where}")


def _named(cases: Sequence[Case], columns: Sequence[str], notes: list[str]) -> Sequence[Case]:
    column = next((c for name in ("id", "case_id") for c in columns if c.casefold() == name), None)
    if column is None:
        return cases
    seen = NumberMap()
    ids = Packed(value_text(case.inputs.get(column, "")).strip() for case in cases)
    if not all(id and seen.add(hash64(id.encode("utf-8", "surrogatepass"))) for id in ids):
        notes.append(f"{column!r} is not filled and unique: cases are numbered instead")
        return cases
    return Packed(replace(case, id=id) for id, case in zip(ids, cases, strict=True))
