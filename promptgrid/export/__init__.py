"""Results out, and back in: CSV (design: one row a cell), JSON lines, a wide CSV for slides. Everything streams."""

from promptgrid.export.columns import COLUMNS, columns_for
from promptgrid.export.csv_in import read_csv
from promptgrid.export.csv_out import write_csv
from promptgrid.export.files import save
from promptgrid.export.jsonl import read_jsonl, write_jsonl
from promptgrid.export.wide import write_wide_csv

__all__ = ["COLUMNS", "columns_for", "read_csv", "read_jsonl", "save", "write_csv", "write_jsonl", "write_wide_csv"]
