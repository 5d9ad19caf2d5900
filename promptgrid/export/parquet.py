"""Writes Parquet: the columns of the results file with their types, for DuckDB, pandas, Polars and Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.cells import marked
from promptgrid.export.columns import Record, columns_for, kind_of

GROUP_ROWS, GROUP_CHARACTERS = 10_000, 32_000_000  # the most in a row group, which is held in memory as a whole


def write_parquet(rows: Iterable[Record], out: BinaryIO, *, variables: Sequence[str], checks: Sequence[str]) -> int:
    """Writes the rows of `write_csv` and returns their number. Memory holds one row group at a time.

    A column has the same type in every file: text, int64, double or bool; a missing value is null. Text is written
    without formula guards; lone surrogates, which UTF-8 cannot encode, are escaped as in the CSV (`cells.marked`).
    Raises ExportError for a value that its column cannot hold.
    """
    import pyarrow as pa
    from pyarrow import parquet

    types = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    columns = columns_for(variables, checks)
    schema = pa.schema([(marked(column), types[kind_of(column)]) for column in columns])
    texts = [column for column in columns if kind_of(column) == "text"]
    count = 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for lot in _lots(rows, texts):
            try:
                arrays = [
                    pa.array([row.get(c) for row in lot], field.type) for c, field in zip(columns, schema, strict=True)
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise ExportError(f"A value does not fit into its column: {error}.") from error
            count += len(lot)
    return count


def _lots(rows: Iterable[Record], texts: Sequence[str]) -> Iterator[list[Record]]:
    lot: list[Record] = []
    size = 0
    for row in rows:
        marked_texts = {column: marked(row[column]) for column in texts if row.get(column) is not None}
        lot.append({**row, **marked_texts})
        size += sum(map(len, marked_texts.values()))
        if len(lot) == GROUP_ROWS or size > GROUP_CHARACTERS:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot
