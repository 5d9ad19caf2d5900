"""Reads and caches the table of the Cases field, with the encoding and the answer column that the user chose."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from promptgrid import files, paths
from promptgrid.cases.table import EXPECTED, FORMATS, Case, Cases, cases_csv, parse_cases, read_cases
from promptgrid.errors import CasesError, EncodingError
from promptgrid.ui.run.form import FormValues


@dataclass(frozen=True)
class CasesTable:
    """The cases of a run, and the table that they come from: its columns, notes on it, and its name. Tables with the
    same `digest` have the same content."""

    cases: tuple[Case, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    digest: str
    name: str = ""


def read_table(form: FormValues, path: Path, name: str = "") -> CasesTable:
    """Returns the table in a file, cached until the file changes. Raises CasesError; EncodingError if the table is not
    UTF-8 and the user has not chosen an encoding.

    The form stores that choice in `cases_encoding` under the message of the error, so it applies to this table only.
    """
    try:
        stamp = path.stat()
    except OSError as error:
        raise CasesError(f"There are no cases at {path}.", hint="Choose another source of cases.") from error

    def read(expected: str, encoding: str = "") -> CasesTable:
        return _read(str(path), stamp.st_mtime_ns, stamp.st_size, name or path.name, expected, encoding)

    try:
        return _with_expected(read)
    except EncodingError as error:
        encoding = (form["cases_encoding"] or {}).get(error.message)
        if not encoding:
            raise
        return _with_expected(lambda expected: read(expected, encoding))


def _with_expected(read: Callable[[str], CasesTable]) -> CasesTable:
    """Calls `read` with the column of answers that the user has chosen. If the table has no such column, clears the
    choice and reads again."""
    expected = str(st.session_state.get("cases_expected") or "")
    try:
        return read(expected)
    except EncodingError:
        raise
    except CasesError:
        if not expected:
            raise
        st.session_state.cases_expected = ""  # a column of another table
        return read("")


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def _read(path: str, modified: int, size: int, name: str, expected: str, encoding: str) -> CasesTable:
    data = Path(path).read_bytes()
    table = read_cases(data, name=name, expected=expected, encoding=encoding)
    return as_table(table, data + f"\0{expected}\0{encoding}".encode(), name)


def parsed_table(text: str) -> CasesTable:
    """Returns the table of a pasted text. Raises CasesError."""
    return _with_expected(lambda expected: _parsed(text, expected))


@st.cache_resource(max_entries=4, show_spinner=False)
def _parsed(text: str, expected: str) -> CasesTable:
    return as_table(parse_cases(text, expected=expected), f"{text}\0{expected}", "pasted")


def typed_table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> CasesTable:
    """Returns the table of typed rows."""
    cases = tuple(
        Case(str(number), {n: row[n] for n in columns if n != EXPECTED}, row[EXPECTED].strip() or None)
        for number, row in enumerate(rows, 1)
    )
    return as_table(Cases(cases, tuple(columns)), cases_csv(cases, columns), "typed")


def as_table(cases: Cases, content: str | bytes, name: str = "") -> CasesTable:
    """Returns the cases as a CasesTable. `content` is what they were read from; its digest becomes that of the
    table."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return CasesTable(cases.cases, cases.columns, cases.notes, hashlib.sha256(raw).hexdigest()[:24], name)


def store_upload(data: bytes, name: str) -> str:
    """Stores the uploaded table in the data folder in place of the previous one, and returns its file name. The file
    has the suffix of `name`, or .csv if that is not the suffix of a table."""
    folder = uploads()
    suffix = Path(name).suffix.lower().removeprefix(".")
    name = f"{hashlib.sha256(data).hexdigest()[:16]}.{suffix if suffix in FORMATS else 'csv'}"
    for other in (path for format in FORMATS for path in folder.glob(f"*.{format}")):
        other.unlink(missing_ok=True)
    files.write(folder / name, data)
    return name


def uploads() -> Path:
    folder = paths.data_folder() / "uploads"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
