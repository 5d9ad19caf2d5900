"""Reads JSON tables: a list of records, JSON Lines, or an object with one list of records. Values keep their types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promptgrid.cases.own_checks import CHECKS
from promptgrid.cases.raw import MAX_CASES, MISSING, RawTable, TableRow, check_depth
from promptgrid.errors import CasesError

SUFFIXES = (".jsonl", ".ndjson", ".json")
_HINT = "Write one object a line, or a list of objects: its fields are the columns."
_BLANK = " \t\r\n"


class _Refused(ValueError):
    """Raised for JSON that Python accepts although it is ambiguous, such as a name that occurs twice."""


def looks_like_records(text: str) -> bool:
    """Tells whether the text begins with a JSON object, or with a list of objects."""
    text = text.removeprefix("\ufeff").lstrip(_BLANK)
    if text[:1] not in ("{", "["):
        return False
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) or _are_records(value)


def read_records(text: str, name: str) -> RawTable:
    """Reads the records in a text as a table. A missing or null field has no value. Raises CasesError, with the line,
    for text that is not valid JSON or not a list of records."""
    notes: list[str] = []
    located = list(_values(text.removeprefix("\ufeff"), name))
    records = _records(located, notes, one_a_line=name.lower().endswith((".jsonl", ".ndjson")))
    if not records:
        raise CasesError(f"{name} has no records.", hint=_HINT)
    for number, (line, value) in enumerate(records, 1):
        if not isinstance(value, Mapping):
            message = f"{name}: record {number} (line {line}) is {_kind(value)}, not an object."
            raise CasesError(message, hint=_HINT)
        check_depth(value, f"{name}: record {number} (line {line})")
    return as_table([(line, value) for line, value in records], notes)


def as_table(records: Sequence[tuple[int, Mapping[str, Any]]], notes: Sequence[str] = ()) -> RawTable:
    """Returns a table of the records, each given as (line number, its fields). Its columns are all field names in order
    of first use; `notes` are the notes of the table. Only the column `checks` may lack values without a note."""
    columns = list(dict.fromkeys(name for _, record in records for name in record))
    rows = [
        TableRow(number, line, [MISSING if record.get(name) is None else record[name] for name in columns])
        for number, (line, record) in enumerate(records[: MAX_CASES + 1], 1)
    ]
    lacking = {name: sum(record.get(name) is None for _, record in records) for name in columns if name != CHECKS}
    more = [f"{name!r} has no value in {count:,} of {len(rows):,} records" for name, count in lacking.items() if count]
    return RawTable(TableRow(1, 1, list(columns)), rows, [*notes, *more[:5]])


def _values(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Yields (line number, value) for every JSON value in the text; `name` stands for the text in errors. Raises
    CasesError."""
    decoder = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_object)
    at, line, counted = 0, 1, 0
    while (at := _skip(text, at)) < len(text):
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise CasesError(f"{name}: line {error.lineno} is not JSON: {error.msg}.", hint=_HINT) from error
        except _Refused as error:
            raise CasesError(f"{name}: the record at line {line} {error}.", hint=_HINT) from error
        except (ValueError, RecursionError) as error:
            raise CasesError(f"{name}: the record at line {line} cannot be read: {error}.", hint=_HINT) from error
        yield line, value
        at = end


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _constant(word: str) -> Any:
    raise _Refused(f"holds {word}, which is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"has the field {twice!r} twice")
    return value


def _records(located: Sequence[tuple[int, Any]], notes: list[str], *, one_a_line: bool) -> Sequence[tuple[int, Any]]:
    if len(located) != 1:
        return located
    line, value = located[0]
    if isinstance(value, list):
        return [(line, one) for one in value]
    fields = value if isinstance(value, Mapping) and not one_a_line else {}
    lists = [name for name, field in fields.items() if _are_records(field)]
    if len(lists) != 1 or "expected" in fields or any("role" in one for one in fields[lists[0]]):
        return located  # one object is one case, such as one with messages
    notes.append(f"the records are in the field {lists[0]!r}")
    return [(line, one) for one in value[lists[0]]]


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _kind(value: Any) -> str:
    kinds = {str: "a text", bool: "a truth value", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "null")
