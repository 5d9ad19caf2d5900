"""Exports a run of the database to a file: all its cells, or only those that a page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from promptgrid import compare
from promptgrid.export.columns import columns_for
from promptgrid.export.csv_out import write_columns
from promptgrid.export.excel import write_xlsx
from promptgrid.export.files import save
from promptgrid.export.jsonl import write_jsonl
from promptgrid.export.parquet import write_parquet
from promptgrid.export.retrieved import named_rows, result_columns
from promptgrid.export.tables import Table, summary_table
from promptgrid.export.wide import write_wide_csv
from promptgrid.store import Database, cell_columns, runs

FileFormat = Literal["csv", "csv-for-excel", "csv-wide", "jsonl", "xlsx", "parquet", "html", "markdown"]
BY_CASE: frozenset[FileFormat] = frozenset({"csv-wide", "html", "markdown"})
"""The formats in which a row is a case; in all others a row is a cell."""

ExportProgress = Callable[[int], object]
"""A function that is called from time to time with the number of rows written so far."""

_TELL_ROWS = 1000

T = TypeVar("T")


def write_run(
    database: Database,
    run_id: str,
    out: BinaryIO,
    form: FileFormat,
    positions: Sequence[int] | None = None,
    progress: ExportProgress | None = None,
    part: str = "",
) -> int:
    """Writes the results of a run (all cells, those at `positions`, or those of the cases of `part`) to an open file in
    the format `form`, and returns the number of rows.

    A row is a cell; in the formats of BY_CASE a case. `progress` is called now and then with the number of rows so far.
    Raises StoreError when the run no longer exists.
    """
    if form in ("html", "markdown"):
        return _write_report(database, run_id, out, form, positions, part)
    if part:
        positions = compare.part_facts(database, run_id, part).position.tolist()
    variables, checks = cell_columns.columns_of(database, run_id)
    columns = columns_for(variables, checks)
    if form in ("csv", "csv-for-excel"):
        parts = result_columns(database, run_id, columns, positions)
        return write_columns(
            _with_progress(parts, lambda part: len(part[0]), progress), out, columns, excel=form != "csv"
        )
    rows = _with_progress(named_rows(database, run_id, columns, positions), lambda row: 1, progress)
    names: dict[str, Any] = {"variables": variables, "checks": checks}
    match form:
        case "jsonl":
            return write_jsonl(rows, out)
        case "csv-wide":
            return write_wide_csv(rows, out, variables=variables)
        case "parquet":
            return write_parquet(rows, out, **names)
        case _:
            return write_xlsx(rows, out, **names, tables=_tables_beside(database, run_id, part))


def _write_report(
    database: Database, run_id: str, out: BinaryIO, form: FileFormat, positions: Sequence[int] | None, part: str
) -> int:
    from promptgrid.export import html, markdown, report

    if form == "html":
        return html.write_html(database, run_id, out, positions, part)
    contents = report.report(database, run_id, positions, part)
    out.write(markdown.of_report(contents).encode())
    return len(contents.rows)


def _tables_beside(database: Database, run_id: str, part: str) -> list[Table]:
    """Returns the tables for a workbook's further sheets: the summary over all cases, and the run's plan and
    figures."""
    from promptgrid.export import report

    origin = report.origin(
        runs.find_run(database, run_id), runs.plan_of(database, run_id), runs.progress(database, run_id)
    )
    return [summary_table(compare.summary(database, run_id, part)), Table("run", ["what", "value"], list(origin))]


def save_run(
    database: Database,
    run_id: str,
    path: Path,
    form: FileFormat = "csv",
    positions: Sequence[int] | None = None,
    progress: ExportProgress | None = None,
    part: str = "",
) -> int:
    """Writes the results of a run atomically to `path`; the other arguments and the result are as for `write_run`.
    Raises ExportError on a write error."""
    return save(path, lambda out: write_run(database, run_id, out, form, positions, progress, part))


def _with_progress(items: Iterator[T], rows_of: Callable[[T], int], progress: ExportProgress | None) -> Iterator[T]:
    """Yields the items unchanged. Calls `progress` (None: nothing) with the number of rows so far, after each thousand
    rows; `rows_of` counts the rows of an item."""
    count = 0
    for item in items:
        yield item
        before, count = count, count + rows_of(item)
        if progress and before // _TELL_ROWS < count // _TELL_ROWS:
            progress(count)
