"""The long CSV: one row a cell. RFC 4180, UTF-8, CRLF, text quoted, numbers plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.cells import cut_for_excel, escaped, row_text
from promptgrid.export.columns import columns_for

BOM = b"\xef\xbb\xbf"


def write_csv(
    rows: Iterable[Mapping[str, Any]],
    out: BinaryIO,
    *,
    variables: Sequence[str],
    checks: Sequence[str],
    excel: bool = False,
) -> int:
    """Writes the header and one record a row, and returns the number of rows; memory does not grow with them.

    A row's keys are column names (`var.NAME` and `score.NAME` among them); a missing key is None. `excel` adds the BOM
    and cuts cells that Excel could not hold, which `read_csv` then refuses. Raises ExportError for a key without a
    column and for a value that is no text, number, bool or None.
    """
    return write_table(rows, out, columns_for(variables, checks), excel=excel)


def write_table(
    rows: Iterable[Mapping[str, Any]], out: BinaryIO, columns: Sequence[str], *, excel: bool = False
) -> int:
    """The same with any columns, each named once."""
    known = frozenset(columns)
    out.write(BOM if excel else b"")
    out.write(_encoded(dict(zip(columns, columns, strict=True)), columns))
    count = 0
    for count, row in enumerate(rows, start=1):
        if not known.issuperset(row):
            unknown = ", ".join(sorted(set(row) - known))
            raise ExportError(f"Row {count} has values without a column: {unknown}.", hint="Name them to the export.")
        out.write(_encoded(_cut(row) if excel else row, columns))
    return count


def _encoded(row: Mapping[str, Any], columns: Sequence[str]) -> bytes:
    try:
        return row_text(row, columns).encode()
    except UnicodeEncodeError:  # rare enough to look at every cell only now
        plain = {key: escaped(value) if isinstance(value, str) else value for key, value in row.items()}
        return row_text(plain, columns).encode()


def _cut(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: cut_for_excel(value) if isinstance(value, str) else value for key, value in row.items()}
