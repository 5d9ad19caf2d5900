"""A run of the database as a file: the whole of it, or the cells that a page shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from promptgrid.export.columns import columns_for
from promptgrid.export.csv_out import write_csv
from promptgrid.export.files import save
from promptgrid.export.jsonl import write_jsonl
from promptgrid.export.wide import write_wide_csv
from promptgrid.store import Database, results

Form = Literal["csv", "csv-for-excel", "csv-wide", "jsonl"]


def write_run(
    database: Database, run_id: str, out: BinaryIO, form: Form, positions: Sequence[int] | None = None
) -> int:
    """Writes the run's results (or those of some cells) to an open file; returns the number of rows."""
    variables, checks = results.columns_of(database, run_id)
    names = columns_for(variables, checks)
    rows = ({name: row.get(name) for name in names} for row in results.result_rows(database, run_id, positions))
    if form == "jsonl":
        return write_jsonl(rows, out)
    if form == "csv-wide":
        return write_wide_csv(rows, out, variables=variables)
    return write_csv(rows, out, variables=variables, checks=checks, excel=form == "csv-for-excel")


def save_run(
    database: Database, run_id: str, path: Path, form: Form = "csv", positions: Sequence[int] | None = None
) -> int:
    """The same into a file that is there whole or not at all. Raises ExportError when it cannot be written."""
    return save(path, lambda out: write_run(database, run_id, out, form, positions))
