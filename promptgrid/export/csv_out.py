r"""Writes the long CSV: one row per cell. RFC 4180, UTF-8, CRLF; text is quoted, numbers are not.

`read_csv` returns every value with its type. Other readers, with these options, return the same records for any text,
NUL and lone line ends included; they do not remove the guards and marks of `cells`:

    csv      open(…, newline="", encoding="utf-8"); csv.field_size_limit for cells over 131,072 characters; NUL from
             Python 3.11 on. It cannot tell "" from a missing value.
    pandas   keep_default_na=False, else "NA", "null" and "" become NaN; dtype=str, else 007 becomes 7. Both engines.
    DuckDB   delim=',', quote='"', escape='"', new_line='\r\n', comment='', header=true, all_varchar=true,
             allow_quoted_nulls=false. It guesses the options that are not given, and hostile text misleads it; without
             allow_quoted_nulls=false, "" becomes NULL. max_line_size for records over 2 MB. It may rename columns that
             differ by case only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.cells import cut_for_excel, escaped, records_text
from promptgrid.export.columns import Record, columns_for

BOM = b"\xef\xbb\xbf"
_FIRST_ROWS, _ROWS, _CHARACTERS = 20, 200, 1_000_000  # written at once: few rows first, fewer where texts are long


def write_csv(
    rows: Iterable[Record],
    out: BinaryIO,
    *,
    variables: Sequence[str],
    checks: Sequence[str],
    excel: bool = False,
) -> int:
    """Writes the header and one record per row, and returns the number of rows; memory does not grow with the rows.

    The keys of a row are column names, among them `var.NAME` and `score.NAME` for the names in `variables` and
    `checks`; a missing key counts as None, which is written as an empty cell without quotes.
    `excel` adds the BOM and cuts cells that are too long for Excel; `read_csv` refuses such a file. Raises ExportError
    for a key without a column and for a value that is not text, a number, a bool, a list, an object or None.
    """
    return write_table(rows, out, columns_for(variables, checks), excel=excel)


def write_table(rows: Iterable[Record], out: BinaryIO, columns: Sequence[str], *, excel: bool = False) -> int:
    """Writes rows as `write_csv` does, but with these columns, whose names must be distinct."""
    return write_columns(_parts(rows, columns), out, columns, excel=excel)


def write_columns(
    parts: Iterable[Sequence[Sequence[Any]]], out: BinaryIO, columns: Sequence[str], *, excel: bool = False
) -> int:
    """Writes rows as `write_csv` does, and returns their number. Each part holds some rows by column: one sequence of
    values for each of `columns`."""
    out.write(BOM if excel else b"")
    out.write(_encoded([[column] for column in columns], columns))
    count = 0
    for part in parts:
        out.write(_encoded([_changed(values, cut_for_excel) for values in part] if excel else part, columns))
        count += len(part[0])
    return count


def _parts(rows: Iterable[Record], columns: Sequence[str]) -> Iterator[list[list[Any]]]:
    known, waiting = frozenset(columns), iter(rows)
    count, limit = 0, _FIRST_ROWS
    while some := list(islice(waiting, limit)):
        for number, row in enumerate(some, start=count + 1):
            if not known.issuperset(row):
                unknown = ", ".join(sorted(set(row) - known))
                raise ExportError(
                    f"Row {number} has values without a column: {unknown}.", hint="Name them to the export."
                )
        yield [[row.get(column) for row in some] for column in columns]
        count += len(some)
        characters = sum(len(value) for row in some for value in row.values() if isinstance(value, str))
        limit = min(_ROWS, 1 + len(some) * _CHARACTERS // (characters + 1))


def _encoded(part: Sequence[Sequence[Any]], columns: Sequence[str]) -> bytes:
    try:
        return records_text(part, columns).encode()
    except UnicodeEncodeError:  # rare, so that every cell is checked only here
        return records_text([_changed(values, escaped) for values in part], columns).encode()


def _changed(values: Sequence[Any], change: Callable[[str], str]) -> Sequence[Any]:
    return [change(value) if isinstance(value, str) else value for value in values]
