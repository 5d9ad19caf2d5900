r"""Encodes and decodes a cell of the CSV: decode(encode(x)) == x for any text, int, float, bool and None.

    text     "quoted"       always quoted, so that it is never read as a number
    ""       ""             quoted: an empty text
    None                    an empty cell without quotes: a missing value
    number   42 · 0.7       not quoted
    bool     true · false   not quoted
    "=1+1"   "'=1+1"        a leading ' guards text that a spreadsheet would run (or that itself starts with ')
    [1, "a"] "'\\J[1, ""a""]"  lists and objects: JSON after '\\J, with which no escaped text begins
    "\ud800" "'\\ud800"     '\ marks an escaped cell: \\ is a backslash, \udXXX a lone surrogate (not in UTF-8)
    "a;=b"   "'\\a;\\'=b"   and \' guards text that a spreadsheet would run if it split the cell there

So an apostrophe at the start of a cell is always a guard, and the importer removes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from promptgrid.errors import ExportError

# Characters that start a formula in a spreadsheet; the full-width signs do in East Asian locales.
GUARDED = frozenset("=+-@\t\r\n'＝＋－＠")
_DROPPED = "\0-\x08\x0b\x0c\x0e-\x20\x7f\xa0\ufeff\u200b"  # characters that spreadsheets may drop before a sign
_GUARDED = re.compile(f"[\t\r\n']|[{_DROPPED}]*[=+@＝＋－＠-]")
# A spreadsheet whose separator is no comma splits a quoted cell at its own separator and at line ends. An item of a
# list is guarded only if it calls a function or a program.
_INNER = re.compile(  # begins with one set of characters, for which the search is fast
    f'[;\t\r\n](?:(?<=[;\t])(?=["{_DROPPED}]*[=+@＝＋－＠-])'
    f'|(?=["{_DROPPED}]*(?:[=@＝＠]|[+＋－-][^\r\n]*(?:[\\w.]\\(|[|]))))'
)
_RISKY = re.compile("[;\t=@＝＠|(]")  # without one of these nothing is found by _INNER, which is slow
PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

EXCEL_CELL = 32_767 - 1  # UTF-16 units, without one for the guard; Excel silently drops the rest

_IN_JSON = re.compile('(;(?: |\\\\u0000|\\\\")*)([=+@＝＋－＠-])')

_TWO_QUOTES = '""'
SURROGATE = re.compile("[\ud800-\udfff]")
MARK = "'\\"  # how an escaped cell begins
JSON_MARK = f"{MARK}\\J"  # an escaped text cannot begin so: after MARK, a backslash is doubled or begins \\udXXX
_ESCAPED = re.compile(r"\\(\\|'|ud[89a-f][0-9a-f]{2})")


def records_text(values: Sequence[Sequence[Any]], columns: Sequence[str]) -> str:
    """Returns the rows of a CSV as text, each with its CRLF. `values` has one sequence per column, `columns` the names
    of the columns, for errors.

    For speed it works column by column and encodes a repeated value once.
    """
    cells = [_cells(of_one, column) for of_one, column in zip(values, columns, strict=True)]
    return "".join([",".join(record) + "\r\n" for record in zip(*cells, strict=True)])


def _cells(values: Sequence[Any], column: str) -> Sequence[str]:
    kinds = set(map(type, values))
    if kinds <= {float, type(None)}:  # not cached by value, since 0.0 == -0.0
        return ["" if value is None else repr(value) for value in values]
    if len(kinds - {type(None)}) == 1 and kinds <= {str, int, bool, type(None)}:
        distinct = set(values)
        if 2 * len(distinct) < len(values):
            by_value = {value: _cell(value, column) for value in distinct}
            return [by_value[value] for value in values]
        if kinds == {str}:
            return [_quoted(guarded(text)) for text in values]
    return [_cell(value, column) for value in values]


class Escaped(str):
    """A text that already has its guard or escapes (see `guarded`, `escaped`), so that it is written as it is."""

    __slots__ = ()


def _cell(value: Any, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value if isinstance(value, Escaped) else guarded(value))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, (list, dict)):
        return _quoted(marked_json(value))
    raise ExportError(f"{column} holds a {type(value).__name__}: {value!r:.80}.", hint="Export text, numbers or bools.")


def _quoted(text: str) -> str:
    return f'"{text.replace(chr(34), _TWO_QUOTES)}"'


def guarded(text: str) -> str:
    r"""Returns the text with a leading ' if a spreadsheet would run it as a formula; plain numbers ("-5") are
    unchanged. A spreadsheet may split a cell and run a part of it: a text with such a part is escaped instead and
    begins with MARK ('\)."""
    if _RISKY.search(text) and _INNER.search(text):
        return _escape(text)
    return "'" + text if _GUARDED.match(text) and not PLAIN_NUMBER.fullmatch(text) else text


def escaped(text: str) -> str:
    r"""Returns the text behind MARK ('\), with each lone surrogate, which UTF-8 cannot encode, written as \udXXX. A
    text without any is returned unchanged."""
    if not SURROGATE.search(text):
        return text
    return Escaped(_escape(text))


def _escape(text: str) -> str:
    doubled = _INNER.sub(r"\g<0>\\'", text.replace("\\", "\\\\"))
    return MARK + SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", doubled)


def marked_json(value: Any) -> str:
    r"""Returns a list, an object or another non-text value as JSON behind JSON_MARK ('\\J); ASCII if it has lone
    surrogates. Signs of formulas inside its texts are written as JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False)
    text = json.dumps(value) if SURROGATE.search(text) else text
    return JSON_MARK + _IN_JSON.sub(lambda match: f"{match[1]}\\u{ord(match[2]):04x}", text)


def decoded_text(cell: str) -> Any:
    r"""Returns the original value of a CSV cell that was written in quotes. The cell's mark is removed: a leading '
    (see `guarded`), MARK ('\) with the escapes behind it, or JSON_MARK ('\\J) with JSON behind it. A cell without a
    mark is returned unchanged. Raises ExportError for broken JSON."""
    if not cell.startswith("'"):
        return cell
    if cell.startswith(JSON_MARK):
        try:
            return json.loads(cell[len(JSON_MARK) :])
        except (ValueError, RecursionError) as error:
            raise ExportError(
                f"A cell that is marked as JSON is not JSON: {cell[:60]}.", hint="Export it again."
            ) from error
    if cell[1:2] != "\\":
        return cell[1:]
    return _ESCAPED.sub(_original, cell[2:])


def _original(match: re.Match[str]) -> str:
    r"""Returns the text for which a match of _ESCAPED stands: a backslash or a lone surrogate; "" for a guard (\')."""
    escape = match[1]
    return escape.strip("'") if len(escape) == 1 else chr(int(escape[1:], 16))


def marked(value: Any) -> str:
    r"""Returns the text of a value for a file without formula guards.

    Lone surrogates are escaped behind MARK ('\), as in `escaped`; a value that is not text becomes JSON behind
    JSON_MARK ('\\J). A text that itself starts with MARK is escaped too, so that `unmarked` can tell the two apart.
    Other text is unchanged.
    """
    if not isinstance(value, str):
        return marked_json(value)
    return _escape(value) if value.startswith(MARK) or SURROGATE.search(value) else value


def unmarked(text: str) -> Any:
    """Returns the original value of a text that `marked` has written."""
    return decoded_text(text) if text.startswith(MARK) else text


def cut_for_excel(text: str) -> str:
    """Cuts the text to the 32,767 UTF-16 units of an Excel cell; a cut text ends with a note of its full length."""
    if len(text) <= EXCEL_CELL // 4:
        return text
    raw = text.encode("utf-16-le", "surrogatepass")
    most = EXCEL_CELL - max(0, len(guarded(text)) - len(text) - 1)
    if len(raw) <= 2 * most:
        return text
    marker = f" …[cut: {len(text):,} characters]"
    return raw[: max(0, 2 * (most - len(marker)))].decode("utf-16-le", "ignore") + marker
