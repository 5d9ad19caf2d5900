"""Reads tables with a separator: CSV, TSV, and cells pasted from a spreadsheet.

Quotes follow RFC 4180. Common deviations are accepted, each with a note: blanks around a quoted cell, short rows, and,
in tables separated by tabs, cells that begin with a quote, since spreadsheets copy those cells unquoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from promptgrid.cases.raw import MAX_CASES, RawTable, TableRow, listed_rows
from promptgrid.compact import Packed
from promptgrid.errors import CasesError

_DELIMITERS = {",": "", ";": "separated by semicolons", "\t": "separated by tabs", "|": "separated by bars"}
_NO_DELIMITER = "\x1f"  # a table of one column: commas in it are text
_SAMPLE_CHARS, _SAMPLE_ROWS = 256 * 1024, 50
_STATED = re.compile(r"sep=(.)\r?\n")
_QUOTED_HEAD = re.compile(r'\s*"[^"]*(?:""[^"]*)*"[ ]*(.|\r|\n|\Z)')


class _Line(NamedTuple):
    """One row: its `cells`, the index of its `end` in the text, whether `blanks` stand around quoted cells, and whether
    a cell begins with a quote that is text (`bare_quotes`)."""

    cells: list[str]
    end: int
    blanks: bool
    bare_quotes: bool


class _Unclosed(Exception):
    """Raised for a cell with misplaced quotes that begins at the index `at`. `end` is the index behind its closing
    quote, if more text follows that; None if the opening quote is never closed."""

    def __init__(self, at: int, end: int | None) -> None:
        self.at, self.end = at, end


@dataclass
class _Oddities:
    """The number of skipped empty rows, and the numbers of the rows in which a deviation from RFC 4180 was accepted, by
    kind."""

    skipped: int = 0
    blanks: list[int] = field(default_factory=list)
    bare_quotes: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)

    def notes(self) -> Iterator[str]:
        """Yields one sentence for each kind of deviation that occurred."""
        if self.skipped:
            yield f"{self.skipped} empty {'row' if self.skipped == 1 else 'rows'} skipped"
        if self.blanks:
            yield f"blanks around quoted cells left out in {listed_rows(self.blanks)}"
        if self.bare_quotes:
            yield f"quotes read as text in {listed_rows(self.bare_quotes)}"
        if self.short:
            yield f"{listed_rows(self.short)} shorter than the header: filled up with empty cells"


def read_delimited(text: str, name: str) -> RawTable:
    """Reads a text with a separator as a table; `name` stands for it in errors. Raises CasesError, with the row, for
    misplaced quotes and for cells beyond the header."""
    text = text.removeprefix("\ufeff")
    stated = _STATED.match(text)
    start = stated.end() if stated else 0
    delimiter = stated[1] if stated else _delimiter(text)
    oddities = _Oddities()
    rows = _rows(text, start, delimiter, name, oddities)
    header = next(rows, None)
    if header is None:
        raise CasesError(f"{name} is empty.", hint="The first row names the columns, e.g. text,expected.")
    body = Packed(islice(rows, MAX_CASES + 1))
    _drop_nameless(header, body)
    body = Packed(_fitted(row, header.cells, name, oddities) for row in body)
    notes = [note] if (note := _DELIMITERS.get(delimiter, "")) else []
    if delimiter == _NO_DELIMITER and max(_widths(text, ","), default=1) > 1:
        notes.append("one column: commas are read as text")
    return RawTable(header, body, [*notes, *oddities.notes()])


def _rows(text: str, at: int, delimiter: str, name: str, oddities: _Oddities) -> Iterator[TableRow]:
    """Yields the rows of the text from the index `at` on, without empty ones, and records deviations in `oddities`."""
    number, line = 1 + bool(at), 1 + bool(at)
    while at < len(text):
        try:
            row = _line(text, at, delimiter)
        except _Unclosed as error:
            raise _broken_quotes(name, number, line, text, error) from error
        if any(cell.strip() for cell in row.cells):
            if row.blanks:
                oddities.blanks.append(number)
            if row.bare_quotes:
                oddities.bare_quotes.append(number)
            yield TableRow(number, line, row.cells)
        else:
            oddities.skipped += 1
        number, line = number + 1, line + _breaks(text, at, row.end)
        at = row.end


def _breaks(text: str, start: int, end: int) -> int:
    crlf = text.count("\r\n", start, end)
    return text.count("\n", start, end) + text.count("\r", start, end) - crlf


def _line(text: str, at: int, delimiter: str) -> _Line:
    """Reads one row that begins at the index `at`. Raises _Unclosed for a quote that is never closed or has text behind
    it."""
    quoted, bare = _patterns(delimiter)
    cells: list[str] = []
    blanks = bare_quotes = False
    while True:
        match = quoted.match(text, at)
        if match and not (delimiter == "\t" and _pasted_bare(match)):
            cells.append(match[2].replace('""', '"'))
            blanks |= bool(match[1] or match[3])
            end = match[4]
        else:
            match = bare.match(text, at)
            if match is None:
                raise AssertionError("a bare cell matches anywhere")
            if match[1].startswith('"') or (match[1].lstrip(" ").startswith('"') and delimiter != "\t"):
                if delimiter != "\t":
                    raise _Unclosed(at, _closing(text, at))
                bare_quotes = True
            cells.append(match[1])
            end = match[2]
        at = match.end()
        if end != delimiter:
            return _Line(cells, at, blanks, bare_quotes)


def _pasted_bare(match: re.Match[str]) -> bool:
    """Tells whether the quotes around a cell, in a table separated by tabs, are part of the text: they enclose a tab,
    and a spreadsheet never puts quotes around a cell with a tab. `match` is a match of the pattern for a quoted cell.
    """
    return "\t" in match[2]


def _closing(text: str, at: int) -> int | None:
    match = re.compile(r' *"[^"]*(?:""[^"]*)*"').match(text, at)
    return match.end() if match else None


_compiled: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {}


def _patterns(delimiter: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Returns two patterns: of a quoted cell (groups: blanks, text, blanks, delimiter or end) and of an unquoted cell
    (groups: text, delimiter or end)."""
    if delimiter not in _compiled:
        sign = re.escape(delimiter)
        end = rf"({sign}|\r\n|\n|\r|\Z)"
        _compiled[delimiter] = (
            re.compile(rf'( *)"([^"]*(?:""[^"]*)*)"( *){end}'),
            re.compile(rf"([^{sign}\r\n]*){end}"),
        )
    return _compiled[delimiter]


def _broken_quotes(name: str, number: int, line: int, text: str, error: _Unclosed) -> CasesError:
    where = f"row {number}" if line == number else f"row {number} (line {line})"
    if error.end is None:
        message = f"{name}: a quote that opens in {where} is never closed."
    else:
        after = text[error.end : error.end + 20].split("\n")[0]
        message = f"{name}: the quotes in {where} do not fit: {after!r} stands behind a closing quote."
    return CasesError(message, hint='Inside a quoted cell a quote is written twice: "".')


def _drop_nameless(header: TableRow, rows: Sequence[TableRow]) -> None:
    """Removes empty names at the end of the header, as a trailing comma makes them, if no row has a value in their
    columns."""
    if header.cells[-1].strip():
        return
    width = len(header.cells)
    used = max((n for row in rows for n, cell in enumerate(row.cells[:width], 1) if n and cell.strip()), default=0)
    while len(header.cells) > max(used, 1) and not header.cells[-1].strip():
        header.cells.pop()


def _fitted(row: TableRow, header: Sequence[str], name: str, oddities: _Oddities) -> TableRow:
    """Cuts or fills the row to as many cells as the header has, and returns it; records a short row in `oddities`.
    Raises CasesError for a cell beyond the header that is not empty."""
    for number, cell in enumerate(row.cells[len(header) :], start=len(header) + 1):
        if cell.strip():
            message = f"{name}: {row.where} has a cell in column {number} ({cell[:40]!r}), the header {len(header)}."
            raise CasesError(message, hint="Put a text that holds the separator in quotes, or name the column.")
    del row.cells[len(header) :]
    if len(row.cells) < len(header):
        oddities.short.append(row.number)
        row.cells.extend([""] * (len(header) - len(row.cells)))
    return row


def _delimiter(text: str) -> str:
    """Guesses the delimiter: the one behind the closing quote of a quoted first cell, otherwise the one that splits
    most rows into as many cells as the header; _NO_DELIMITER for a table of one column."""
    quoted = _QUOTED_HEAD.match(text)
    if quoted and quoted[1] in (*_DELIMITERS, "\n", "\r", ""):
        return quoted[1] if quoted[1] in _DELIMITERS else _NO_DELIMITER
    if not _widths(text, ","):
        return ","  # all cells are empty
    best, best_score = _NO_DELIMITER, (0.0, 1)
    for delimiter in _DELIMITERS:
        widths = _widths(text, delimiter)
        if widths and widths[0] > 1:
            score = (widths.count(widths[0]) / len(widths), widths[0])
            best, best_score = (delimiter, score) if score > best_score else (best, best_score)
    return best


def _widths(text: str, delimiter: str) -> list[int]:
    """Returns the number of cells in each of the first rows, empty ones left out, if the text is split by this
    delimiter."""
    sample = text[:_SAMPLE_CHARS]
    widths: list[int] = []
    at = 0
    while at < len(sample) and len(widths) < _SAMPLE_ROWS:
        try:
            row = _line(sample, at, delimiter)
        except _Unclosed:
            break
        if any(row.cells):
            widths.append(len(row.cells))
        at = row.end
    whole = len(sample) == len(text) or len(widths) < 2
    return widths if whole else widths[:-1]
