"""Reads tables in binary formats: Excel workbooks (.xlsx) and Parquet. Numbers stay numbers, dates become ISO text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from typing import Any

from promptgrid.cases.raw import MAX_CASES, MAX_COLUMNS, RawTable, TableRow, json_value
from promptgrid.cases.records import as_table
from promptgrid.errors import CasesError

MAX_UNPACKED = 1024 * 1024 * 1024  # bytes: a small file may unpack to anything


def is_workbook(data: bytes) -> bool:
    """Tells whether the data is an .xlsx workbook: a zip file with a workbook inside."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def read_workbook(data: bytes, name: str) -> RawTable:
    """Reads the first sheet that is not empty. Raises CasesError for a broken workbook, an error value, or a formula
    whose value is not stored in the file."""
    import openpyxl

    _check_unpacked(data, name)
    try:
        values = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    except Exception as error:  # a broken workbook raises anything
        raise _broken(name, error) from error
    notes: list[str] = []
    for title in values.sheetnames:
        rows = list(_sheet_rows(values[title], formulas[title], f"{name}, sheet {title!r}"))
        if rows:
            if len(values.sheetnames) > 1:
                notes.append(f"sheet {title!r} of {len(values.sheetnames)} read")
            return _with_header(rows, notes)
    raise CasesError(f"{name} is empty.", hint="The first row names the columns, e.g. text, expected.")


def read_parquet(data: bytes, name: str) -> RawTable:
    """Reads the rows of a Parquet file; null and NaN are no value. Raises CasesError."""
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
        shape = file.metadata
        unpacked = sum(shape.row_group(n).total_byte_size for n in range(shape.num_row_groups))
        names = file.schema_arrow.names
        _check_limits(name, shape.num_rows, len(names), unpacked)
        if len(set(names)) < len(names):
            raise CasesError(f"{name} has two columns of the same name.", hint="Give each column a name of its own.")
        rows = file.read().to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _broken(name, error) from error
    records = [
        (
            number,
            {column: json_value(value, f"{name}: row {number}, column {column!r}") for column, value in row.items()},
        )
        for number, row in enumerate(rows, 1)
    ]
    return as_table(records)


def _check_limits(name: str, rows: int, columns: int, unpacked: int) -> None:
    if rows > MAX_CASES:
        raise CasesError(f"{name} has more than {MAX_CASES:,} rows.", hint="Split it into smaller files.")
    if columns > MAX_COLUMNS or unpacked > MAX_UNPACKED:
        raise CasesError(f"{name} has {columns:,} columns and {unpacked:,} bytes unpacked.", hint="Leave some out.")


def _check_unpacked(data: bytes, name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_limits(name, 0, 0, sum(entry.file_size for entry in archive.infolist()))


def _broken(name: str, error: Exception) -> CasesError:
    return CasesError(f"{name} cannot be read: {error or type(error).__name__}.", hint="Save the sheet as CSV (UTF-8).")


def _sheet_rows(values: Any, formulas: Any, name: str) -> Iterator[TableRow]:
    """Yields the rows of a sheet that are not empty. `values` and `formulas` are the same sheet, read twice: with the
    results of formulas, and with their texts."""
    pairs = zip(values.iter_rows(), formulas.iter_rows(), strict=True)
    for number, (cells, sources) in enumerate(pairs, 1):
        if number > MAX_CASES + 100:
            raise CasesError(f"{name} has more than {MAX_CASES:,} rows.", hint="Split it into smaller files.")
        for cell, source in zip(cells, sources, strict=True):
            _refuse_unread(cell, source, name)
        row = ["" if c.value is None else json_value(_day(c.value), f"{name}: cell {c.coordinate}") for c in cells]
        while row and row[-1] == "":
            row.pop()
        if row:
            yield TableRow(number, number, row)


def _refuse_unread(cell: Any, source: Any, name: str) -> None:
    if cell.data_type == "e":
        raise CasesError(f"{name}: cell {cell.coordinate} holds the error {cell.value}.", hint="Correct it in Excel.")
    if cell.value is None and source.data_type == "f":
        message = f"{name}: cell {source.coordinate} is a formula whose value is not in the file."
        raise CasesError(message, hint="Open the workbook in Excel, save it, and try again.")


def _with_header(rows: Sequence[TableRow], notes: list[str]) -> RawTable:
    """Returns the table with the names of its columns taken from the first row that is as wide as the table; a title of
    one cell above it is left out, with a note in `notes`."""
    at = 0
    while at + 1 < len(rows) and _filled(rows[at]) == 1 < _filled(rows[at + 1]) and at < 5:
        at += 1
    notes += [f"row {row.number} left out: {str(next(filter(None, row.cells)))[:40]!r} is a title" for row in rows[:at]]
    header, body = rows[at], list(rows[at + 1 :])
    header = TableRow(header.number, header.line, [str(cell) for cell in header.cells])
    width = max([len(header.cells), *(len(row.cells) for row in body)])
    header.cells.extend([""] * (width - len(header.cells)))
    for row in body:
        row.cells.extend([""] * (width - len(row.cells)))
    return RawTable(header, body, notes)


def _filled(row: TableRow) -> int:
    return sum(cell != "" for cell in row.cells)


def _day(value: Any) -> Any:
    """Returns a datetime at midnight as a date, since Excel stores dates so; other values are unchanged."""
    return value.date() if isinstance(value, datetime) and value.time() == time() else value
