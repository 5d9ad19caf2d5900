"""Writes and reads JSON lines: the rows of the CSV, one object per line, with the CSV's headers as keys.

Text is written without formula guards. Lone surrogates, which UTF-8 cannot encode, are escaped as in the CSV
(`cells.marked`): JSON's own escapes would join two of them into one character, and strict readers refuse these escapes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.cells import MARK, marked, unmarked
from promptgrid.export.columns import Record
from promptgrid.export.csv_in import MAX_RECORD, opened

_LINE_END = re.compile("[\x85\u2028\u2029]")  # many readers split lines at these
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_MARK = json.dumps(MARK)[:-1]


def write_jsonl(rows: Iterable[Record], out: BinaryIO) -> int:
    """Writes one object per row and returns the number of rows. Numbers that are not finite become null: JSON has none.

    Raises ExportError for a value that cannot be written as JSON.
    """
    count = 0
    for count, row in enumerate(rows, start=1):
        try:
            line = _line(row)
        except (TypeError, ValueError, RecursionError) as error:
            raise ExportError(f"Row {count} cannot be written as JSON: {error}.") from error
        out.write(line + b"\n")
    return count


def read_jsonl(source: Path | BinaryIO) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file of JSON lines; blank lines are skipped. Raises ExportError with the line's number."""
    name = source.name if isinstance(source, Path) else "the file"
    with opened(source) as file:
        number = 0
        while line := file.readline(MAX_RECORD + 1):
            number += 1
            if len(line) > MAX_RECORD:
                raise ExportError(f"{name}: line {number} is larger than {MAX_RECORD >> 20} MB.")
            if line.strip():
                yield _row(line, f"{name}: line {number}")


def _line(row: Record) -> bytes:
    text = _json(dict(row))
    if _MARK in text:
        text = _json(_texts(row, marked))
    try:
        return (text if text.isascii() else _one_line(text)).encode()
    except UnicodeEncodeError:  # rare, so that every text is checked only here
        return _one_line(_json(_texts(row, marked))).encode()


def _one_line(text: str) -> str:
    return _LINE_END.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _json(row: Any) -> str:
    try:
        return _encode(row)
    except ValueError:
        finite = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
        return _encode(finite)


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{where} is not JSON: {error}.", hint="Is the file complete?") from error
    if not isinstance(row, dict):
        raise ExportError(f"{where} is no JSON object: {row!s:.40}.", hint="One object per line is expected.")
    unmarked_row: dict[str, Any] = _texts(row, unmarked) if _MARK.encode() in line else row
    return unmarked_row


def _texts(value: Any, change: Callable[[str], str]) -> Any:
    """Returns the JSON value with the function `change` applied to each text in it, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): _texts(part, change) for key, part in value.items()}
    return [_texts(part, change) for part in value] if isinstance(value, list) else value
