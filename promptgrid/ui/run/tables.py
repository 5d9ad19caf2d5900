"""Reads the table of the Cases field, with the answer column that the user chose; stores uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import streamlit as st

from promptgrid import files, paths
from promptgrid.cases.table import EXPECTED, FORMATS, Case, Cases, cases_csv, parse_cases
from promptgrid.errors import CasesError, EncodingError
from promptgrid.ui.widgets.tables import CasesTable, as_table, read_table

UPLOADS_KEPT = 10  # besides the newest one


def table_of_file(path: Path, name: str = "") -> CasesTable:
    """Returns the table in a file, with the column of answers that the user has chosen. `name` stands for the table in
    messages ("": the file's name). Raises CasesError, or EncodingError."""
    return _with_expected(lambda expected: read_table(path, name, expected))


def _with_expected(read: Callable[[str], CasesTable]) -> CasesTable:
    """Calls `read` with the name of the column of answers that the user has chosen ("": none), and returns the table
    that it reads. If that fails with a CasesError, since the table may lack the column, clears the choice and reads
    again."""
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


def parsed_table(text: str) -> CasesTable:
    """Returns the table of a pasted text. Raises CasesError."""
    return _with_expected(lambda expected: _parsed(text, expected))


@st.cache_resource(max_entries=4, show_spinner=False)
def _parsed(text: str, expected: str) -> CasesTable:
    return as_table(parse_cases(text, expected=expected), f"{text}\0{expected}", "pasted")


def typed_table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> CasesTable:
    """Returns the table of the rows that the user has typed. Each is {column: text} with all the `columns` and
    `expected`, which holds the expected answer ("": none)."""
    cases = tuple(
        Case(str(number), {n: row[n] for n in columns if n != EXPECTED}, row[EXPECTED].strip() or None)
        for number, row in enumerate(rows, 1)
    )
    return as_table(Cases(cases, tuple(columns)), cases_csv(cases, columns), "typed")


def store_upload(data: bytes, name: str) -> str:
    """Stores the uploaded table in the data folder beside the last ones, which the user may bring back, and returns its
    file name. The file has the suffix of `name`, or .csv if that is not the suffix of a table."""
    folder = uploads()
    suffix = Path(name).suffix.lower().removeprefix(".")
    name = f"{hashlib.sha256(data).hexdigest()[:16]}.{suffix if suffix in FORMATS else 'csv'}"
    with paths.writing(folder / name):
        files.write(folder / name, data)
        tables = [path for format in FORMATS for path in folder.glob(f"*.{format}") if path.name != name]
        for other in sorted(tables, key=_modified, reverse=True)[UPLOADS_KEPT:]:
            other.unlink(missing_ok=True)
    return name


def _modified(path: Path) -> float:
    """Returns when the file was changed, in seconds since 1970; 0 if another tab has just deleted it."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


def uploads() -> Path:
    folder = paths.data_folder() / "uploads"
    with paths.writing(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
