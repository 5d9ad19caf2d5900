"""Reads our CSV back. It has its own parser: csv of Python 3.11 cannot tell "" (empty) from an empty cell (missing)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.cells import PLAIN_NUMBER, decoded_text
from promptgrid.export.csv_out import BOM

MAX_RECORD = 64 * 1024 * 1024  # bytes of one row: an unclosed quote must not read the whole file into memory

_CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|\Z)')
_INTEGER = re.compile(r"-?[0-9]{1,4000}")
_WORDS = {"": None, "true": True, "false": False, "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def read_csv(source: Path | BinaryIO) -> Iterator[dict[str, Any]]:
    """Yields the rows that `write_csv` wrote, one by one, with their types: text, int, float, bool, None.

    A quoted cell is text, an empty cell without quotes is None, any other is a number or a bool. Raises ExportError,
    with the row's number (the header is row 1), for a file that is broken or was written for Excel.
    """
    name = source.name if isinstance(source, Path) else "the file"
    with opened(source) as file:
        records = _records(file, name)
        columns = _header(next(records, b""), name)
        for number, record in enumerate(records, start=2):
            cells = _cells(record, number, name)
            if len(cells) != len(columns):
                message = f"{name}: row {number} has {len(cells)} cells, the header {len(columns)}."
                raise ExportError(message, hint="Export the run again.")
            yield dict(zip(columns, cells, strict=True))


def opened(source: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    """Opens the file at a path for a `with` block and closes it afterwards; a file that is already open stays open.
    Raises ExportError if it cannot be read."""
    if not isinstance(source, Path):
        return nullcontext(source)
    try:
        return source.open("rb")
    except OSError as error:
        raise ExportError(f"Cannot read {source}: {error.strerror}.", hint="Check the path of the file.") from error


def _records(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yields the records of the CSV as bytes. A record may hold several lines: they are joined until its quotes are
    closed. `name` stands for the file in errors."""
    parts: list[bytes] = []
    size = quotes = 0
    number = 1
    while line := file.readline(MAX_RECORD + 1):
        parts.append(line)
        size, quotes = size + len(line), quotes + line.count(b'"')
        if size > MAX_RECORD:
            raise ExportError(f"{name}: row {number} is larger than {MAX_RECORD >> 20} MB, or its quote never closes.")
        if quotes % 2 == 0:
            yield b"".join(parts)
            parts, size, quotes, number = [], 0, 0, number + 1
    if parts:
        raise ExportError(f"{name}: a quote that opens in row {number} is never closed.", hint="Is the file complete?")


def _header(record: bytes, name: str) -> Sequence[str]:
    if record.startswith(BOM):
        raise ExportError(
            f"{name} was written for Excel (it starts with a byte order mark), where long cells are cut.",
            hint="Export it again without that option.",
        )
    columns = [str(cell) for cell in _cells(record, 1, name) if cell is not None] if record else []
    if not columns:
        raise ExportError(f"{name} is empty.", hint="Export the run again.")
    if len(set(columns)) < len(columns):
        twice = sorted({column for column in columns if columns.count(column) > 1})
        raise ExportError(f"{name} has columns of the same name: {', '.join(twice)}.", hint="Rename them.")
    return columns


def _cells(record: bytes, number: int, name: str) -> list[Any]:
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        raise ExportError(f"{name}: row {number} is not UTF-8.", hint="Save the file as UTF-8.") from error
    cells: list[Any] = []
    at, end = 0, ","
    while end == ",":
        match = _CELL.match(text, at)
        if match is None:
            message = f"{name}: row {number}, cell {len(cells) + 1} is not CSV: {text[at : at + 40]!r}."
            raise ExportError(message, hint="Is it a file that promptgrid exported?")
        quoted, plain, end = match.groups()
        cells.append(_value(plain) if quoted is None else decoded_text(quoted.replace('""', '"')))
        at = match.end()
    return cells


def _value(plain: str) -> Any:
    if plain in _WORDS:
        return _WORDS[plain]
    if _INTEGER.fullmatch(plain):
        return int(plain)
    if PLAIN_NUMBER.fullmatch(plain):
        return float(plain)
    return decoded_text(plain)  # another program has saved the file without its quotes
