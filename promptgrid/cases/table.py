"""Test cases from a table: a CSV as people really have them, or text pasted from a spreadsheet.

Read where it can be, with a note of what was tolerated; else CasesError that names row and column. Rows are counted as
a spreadsheet shows them: the header is row 1. Pandas is left out on purpose: it turns "NA", "" and 007 into other
things, and names no row where something is wrong.
"""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from promptgrid.cases.decoding import MAX_BYTES, decoded, megabytes
from promptgrid.errors import CasesError

MAX_CASES = 100_000
MAX_COLUMNS = 1_000
MAX_HEADER = 200  # characters of a column's name
EXPECTED = "expected"

_DELIMITERS = {",": "", ";": "separated by semicolons", "\t": "separated by tabs", "|": "separated by bars"}
_NO_DELIMITER = "\x1f"  # a table of one column: commas in it are text
_SAMPLE_CHARS, _SAMPLE_ROWS = 256 * 1024, 50
_field_limit = threading.Lock()  # csv's limit is one for the whole process


@dataclass(frozen=True, slots=True)
class Case:
    """One row: `inputs` holds every column but `expected`; `expected` is None where the cell is empty or missing.
    `part` is learn, choose or prove (see `parts`), "" where the cases have no parts."""

    id: str
    inputs: Mapping[str, str]
    expected: str | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Cases:
    """A table of cases; `columns` are its headers in order, `notes` say what was tolerated while reading."""

    cases: tuple[Case, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    line: int
    cells: list[str]

    @property
    def where(self) -> str:
        return f"row {self.number}" if self.line == self.number else f"row {self.number} (line {self.line})"


def read_cases(source: Path | bytes, *, name: str = "") -> Cases:
    """Cases from a file or its bytes; `name` is what errors call it. At most 100 MB and 100,000 cases.

    Takes UTF-8, UTF-16, GB18030 and Windows-1252; commas, semicolons, tabs and bars. An `id` or `case_id` column names
    the cases when its values are all there and unique, else they are "1", "2", … Raises CasesError.
    """
    data = source if isinstance(source, bytes) else _read(source)
    name = name or (source.name if isinstance(source, Path) else "the table")
    if len(data) > MAX_BYTES:
        raise _too_large(name, len(data))
    encoding, notes = decoded(data, name)
    with _large_fields():
        return _parse(data, encoding, name, notes)


def parse_cases(text: str) -> Cases:
    """Cases that were typed or pasted; a paste from a spreadsheet is separated by tabs. Raises CasesError."""
    return read_cases(text.encode("utf-8", "replace"), name="the pasted table")


def cases_csv(cases: Iterable[Case], columns: Sequence[str]) -> str:
    """The cases as CSV (CRLF, all cells quoted), to be read back by `read_cases`.

    No formula guard: a prompt must get exactly the text that stands in the table.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for case in cases:
        writer.writerow(
            [(case.expected if c.casefold() == EXPECTED else case.inputs.get(c)) or "" for c in columns],
        )
    return out.getvalue()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CasesError(f"Cannot read {path}: {error.strerror}.", hint="Check the path of the CSV file.") from error


def _too_large(name: str, size: int) -> CasesError:
    return CasesError(
        f"{name} is larger than {megabytes(MAX_BYTES)} (it has {megabytes(size)} or more).",
        hint="Split it into smaller files.",
    )


@contextmanager
def _large_fields() -> Iterator[None]:
    with _field_limit:
        before = csv.field_size_limit(MAX_BYTES)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _parse(data: bytes, encoding: str, name: str, notes: list[str]) -> Cases:
    text = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
    sample = text.read(_SAMPLE_CHARS)
    text.seek(0)
    delimiter = _stated_delimiter(text, sample) or _delimiter(sample)
    notes += [note] if (note := _DELIMITERS.get(delimiter, "")) else []
    skipped = [0]
    rows = _rows(text, delimiter, name, skipped)
    columns = _header(next(rows, None), name, notes)
    cases = tuple(_cases(rows, columns, name, notes, has_nul=b"\0" in data))
    if not cases:
        raise CasesError(f"{name} has a header ({', '.join(columns)}) but no rows.", hint="Add a row below it.")
    if delimiter == _NO_DELIMITER and max(_widths(sample, ",")) > 1:
        notes.append("one column: commas are read as text")
    notes += [f"{skipped[0]} empty {'row' if skipped[0] == 1 else 'rows'} skipped"] if skipped[0] else []
    return Cases(_named(cases, columns, notes), columns, tuple(notes))


def _stated_delimiter(text: io.TextIOWrapper, sample: str) -> str:
    """The delimiter of Excel's first line `sep=;`, which is skipped; empty without one."""
    match = re.match(r"\ufeff?sep=(.)\r?\n", sample)
    if match is None:
        return ""
    text.readline()
    return match[1]


def _delimiter(sample: str) -> str:
    """The delimiter that splits the header and most rows into equally many cells; csv.Sniffer takes any letter."""
    if not _widths(sample, ","):
        return ","  # nothing but empty cells
    best, best_score = _NO_DELIMITER, (0.0, 1)
    for delimiter in _DELIMITERS:
        widths = _widths(sample, delimiter)
        if widths and widths[0] > 1:
            score = (widths.count(widths[0]) / len(widths), widths[0])
            best, best_score = (delimiter, score) if score > best_score else (best, best_score)
    return best


def _widths(sample: str, delimiter: str) -> list[int]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    whole = len(sample) < _SAMPLE_CHARS
    widths = [len(row) for row in islice(rows, _SAMPLE_ROWS) if any(row)]
    return widths if whole or len(widths) < 2 else widths[:-1]


def _rows(text: Iterable[str], delimiter: str, name: str, skipped: list[int]) -> Iterator[_Row]:
    """The rows that are not empty; `skipped[0]` counts the others."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    number, line = 0, 1
    while True:
        number, line = number + 1, reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken_quotes(name, number, line, str(error)) from error
        if any(cell.strip() for cell in cells):
            yield _Row(number, line, cells)
        else:
            skipped[0] += 1


def _broken_quotes(name: str, number: int, line: int, reason: str) -> CasesError:
    where = f"row {number}" if line == number else f"row {number} (line {line})"
    if "unexpected end" in reason:
        message = f"{name}: a quote that opens in {where} is never closed."
    else:
        message = f"{name}: the quotes in {where} do not fit ({reason})."
    return CasesError(message, hint='Inside a quoted cell a quote is written twice: "".')


def _header(row: _Row | None, name: str, notes: list[str]) -> tuple[str, ...]:
    if row is None:
        raise CasesError(f"{name} is empty.", hint="The first row names the columns, e.g. text,expected.")
    if len(row.cells) > MAX_COLUMNS:
        raise CasesError(f"{name} has {len(row.cells):,} columns, more than {MAX_COLUMNS:,}.", hint="Leave some out.")
    columns: list[str] = []
    for number, cell in enumerate(row.cells, start=1):
        header = cell.strip()
        if len(header) > MAX_HEADER or "\0" in header:
            message = f"{name}: {row.where}, column {number} is no name ({header[:40]!r}, {len(header):,} characters)."
            raise CasesError(message, hint="The first row names the columns, e.g. text,expected.")
        if not header:
            notes.append(f"column {number} has no name: read as column_{number}")
        elif header != cell:
            notes.append(f"header {cell!r} trimmed")
        columns.append(EXPECTED if header.casefold() == EXPECTED else header or f"column_{number}")
    _refuse_duplicates(columns, name, row)
    return tuple(columns)


def _refuse_duplicates(columns: Sequence[str], name: str, row: _Row) -> None:
    first: dict[str, int] = {}
    for number, header in enumerate(columns, start=1):
        if header in first:
            raise CasesError(
                f"{name}: columns {first[header]} and {number} in {row.where} are both called {header!r}.",
                hint="Give each column a name of its own.",
            )
        first[header] = number


def _cases(rows: Iterable[_Row], columns: tuple[str, ...], name: str, notes: list[str], *, has_nul: bool) -> list[Case]:
    cases: list[Case] = []
    for row in rows:
        if len(cases) == MAX_CASES:
            raise CasesError(f"{name} has more than {MAX_CASES:,} rows.", hint="Split it into smaller files.")
        if len(row.cells) != len(columns):
            _refuse_ragged(row, columns, name)
            del row.cells[len(columns) :]  # empty cells beyond the header
        if has_nul:
            _refuse_nul(row, columns, name)
        inputs = dict(zip(columns, row.cells, strict=True))
        expected = inputs.pop(EXPECTED, "")
        cases.append(Case(str(len(cases) + 1), inputs, expected if expected.strip() else None))
    return cases


def _refuse_ragged(row: _Row, columns: Sequence[str], name: str) -> None:
    if len(row.cells) < len(columns):
        missing = columns[len(row.cells)]
        message = f"{name}: {row.where} has {len(row.cells)} cells, the header {len(columns)}: {missing!r} is missing."
        raise CasesError(message, hint="Fill the row up with empty cells.")
    for number, cell in enumerate(row.cells[len(columns) :], start=len(columns) + 1):
        if cell.strip():
            message = f"{name}: {row.where} has a cell in column {number} ({cell[:40]!r}), the header {len(columns)}."
            raise CasesError(message, hint="Put a text that holds the separator in quotes, or name the column.")


def _refuse_nul(row: _Row, columns: Sequence[str], name: str) -> None:
    for column, cell in zip(columns, row.cells, strict=True):
        if "\0" in cell:
            message = f"{name}: {row.where}, column {column!r} holds a NUL character."
            raise CasesError(message, hint="Save the table again as CSV in UTF-8.")


def _named(cases: Sequence[Case], columns: Sequence[str], notes: list[str]) -> tuple[Case, ...]:
    column = next((c for name in ("id", "case_id") for c in columns if c.casefold() == name), None)
    if column is None:
        return tuple(cases)
    ids = [case.inputs[column].strip() for case in cases]
    if not all(ids) or len(set(ids)) < len(ids):
        notes.append(f"{column!r} is not filled and unique: cases are numbered instead")
        return tuple(cases)
    return tuple(Case(id, case.inputs, case.expected) for id, case in zip(ids, cases, strict=True))
