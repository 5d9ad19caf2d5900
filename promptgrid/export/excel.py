"""Writes an Excel workbook: the results, one row per cell, and further tables on sheets of their own."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.cells import cut_for_excel, marked
from promptgrid.export.columns import Record, columns_for
from promptgrid.export.tables import Table
from promptgrid.text import value_text

Workbook = Any  # of xlsxwriter, which has no type annotations
Worksheet = Any

SHEET_ROWS, SHEET_COLUMNS = 1_048_576, 16_384  # Excel's limits; further rows go to another sheet
_EXACT = 2**53  # Excel's numbers are doubles

_WIDE = {"output": 60, "reasoning": 40, "answer": 24, "expected": 24, "error": 30, "prompt": 18, "model": 24}
_WIDTH = 14


def write_xlsx(
    rows: Iterable[Record],
    out: BinaryIO,
    *,
    variables: Sequence[str],
    checks: Sequence[str],
    tables: Sequence[Table] = (),
) -> int:
    """Writes the rows of `write_csv` to the sheet `results`, then each table to its own sheet; returns the number of
    rows.

    Text stays text: it never becomes a formula, a link or a number, so there is no guard. A cell holds 32,767
    characters (UTF-16 units); a cut text ends with a note. Excel has no empty text, no infinity and no exact number
    beyond 2^53: empty text and infinity become an empty cell, a larger number becomes text. Lone surrogates are escaped
    as in the CSV. Rows go through temporary files, one at a time. Raises ExportError for more columns than a sheet has.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    columns = columns_for(variables, checks)
    if len(columns) > SHEET_COLUMNS:
        message = f"The results have {len(columns):,} columns, an Excel sheet {SHEET_COLUMNS:,}."
        raise ExportError(message, hint="Export them as CSV or Parquet.")
    with tempfile.TemporaryDirectory(prefix="promptgrid-", ignore_cleanup_errors=True) as folder:
        book = Path(folder) / "results.xlsx"  # not `out`: xlsxwriter warns later about a workbook that it cannot close
        workbook = xlsxwriter.Workbook(book, {"constant_memory": True, "tmpdir": folder, "use_zip64": True})
        try:
            count = _results(workbook, columns, rows)
            for table in tables:
                sheet = _sheet(workbook, table.name, table.columns)
                for at, row in enumerate(table.rows, start=1):
                    _write(sheet, at, row)
            workbook.close()
        except FileCreateError as error:  # `close` wraps an OSError in it
            raise error.args[0] from error
        finally:
            for sheet in workbook.worksheets():  # closes their temporary files if `close` did not succeed
                with suppress(OSError):
                    sheet.row_data_fh.close()
        with book.open("rb") as file:
            shutil.copyfileobj(file, out)
    return count


def _results(workbook: Workbook, columns: Sequence[str], rows: Iterable[Record]) -> int:
    sheet, count, at = _sheet(workbook, "results", columns), 0, 0
    for row in rows:
        if at == SHEET_ROWS - 1:
            sheet, at = _sheet(workbook, f"results {count // at + 1}", columns), 0
        count, at = count + 1, at + 1
        _write(sheet, at, map(row.get, columns))
    return count


def _sheet(workbook: Workbook, name: str, columns: Sequence[str]) -> Worksheet:
    """Adds a sheet called `name` with the header row `columns`, which stays visible when the sheet is scrolled."""
    sheet = workbook.add_worksheet(name)
    bold = workbook.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for at, column in enumerate(columns):
        sheet.set_column(at, at, _WIDE.get(column, _WIDTH))
        sheet.write_string(0, at, _text(column), bold)
    return sheet


def _write(sheet: Worksheet, at: int, values: Iterable[Any]) -> None:
    for column, value in enumerate(values):
        if isinstance(value, bool):
            sheet.write_boolean(at, column, value)
        elif isinstance(value, str) or (isinstance(value, int) and abs(value) > _EXACT):
            sheet.write_string(at, column, _text(str(value)))
        elif isinstance(value, int | float):
            if math.isfinite(value):
                sheet.write_number(at, column, value)
        elif isinstance(value, (list, dict)):
            sheet.write_string(at, column, _text(value_text(value)))
        elif value is not None:
            raise ExportError(f"A cell holds a {type(value).__name__}: {value!r:.80}.", hint="Export text or numbers.")


def _text(text: str) -> str:
    return cut_for_excel(marked(text))
