"""JSON lines: the same rows, one object a line, keys as the CSV's headers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from promptgrid.errors import ExportError
from promptgrid.export.csv_in import MAX_RECORD, opened

# UTF-8 cannot carry the first; the others end a line for many readers.
_ESCAPE_LINE = re.compile("[\ud800-\udfff\x85\u2028\u2029]")


def write_jsonl(rows: Iterable[Mapping[str, Any]], out: BinaryIO) -> int:
    """One object a row; returns their number. JSON has no infinity: numbers that are not finite become null.

    Raises ExportError for what JSON cannot write.
    """
    count = 0
    for count, row in enumerate(rows, start=1):
        try:
            line = _line(row)
        except (TypeError, RecursionError) as error:
            raise ExportError(f"Row {count} cannot be written as JSON: {error}.") from error
        out.write(line.encode() + b"\n")
    return count


def read_jsonl(source: Path | BinaryIO) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines; blank lines are skipped. Raises ExportError with the line's number."""
    name = source.name if isinstance(source, Path) else "the file"
    with opened(source) as file:
        number = 0
        while line := file.readline(MAX_RECORD + 1):
            number += 1
            if len(line) > MAX_RECORD:
                raise ExportError(f"{name}: line {number} is larger than {MAX_RECORD >> 20} MB.")
            if line.strip():
                yield _row(line, f"{name}: line {number}")


def _line(row: Mapping[str, Any]) -> str:
    plain = dict(row)
    try:
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in plain.items()}
        text = json.dumps(finite, ensure_ascii=False)
    return json.dumps(json.loads(text)) if _ESCAPE_LINE.search(text) else text


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{where} is not JSON: {error}.", hint="Is the file complete?") from error
    if not isinstance(row, dict):
        raise ExportError(f"{where} is no JSON object: {row!s:.40}.", hint="One object a line is expected.")
    return row
