"""Exports results as a stream, one row per cell: CSV and JSON lines (readable back), Parquet, Excel; and a wide CSV."""

from promptgrid.export.columns import COLUMNS, columns_for
from promptgrid.export.csv_in import read_csv
from promptgrid.export.csv_out import write_csv
from promptgrid.export.excel import write_xlsx
from promptgrid.export.files import save
from promptgrid.export.jsonl import read_jsonl, write_jsonl
from promptgrid.export.parquet import write_parquet
from promptgrid.export.wide import write_wide_csv
