"""Reads and caches tables of cases for pages, and asks for the encoding of a table that is not UTF-8."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from promptgrid.cases.decoding import ENCODINGS
from promptgrid.cases.table import Case, Cases, read_cases
from promptgrid.errors import CasesError, EncodingError
from promptgrid.store import drafts
from promptgrid.text import one_line
from promptgrid.ui.server import database
from promptgrid.ui.widgets.plain import plain

CHOSEN = "encodings"  # the draft with the choices: message of an EncodingError -> encoding
REMEMBERED = 50


@dataclass(frozen=True)
class CasesTable:
    """The cases of a table, called `name`. `columns` are its columns, `notes` are sentences on how it was read. Tables
    with the same `digest` have the same content."""

    cases: Sequence[Case]
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    digest: str
    name: str = ""


def read_table(path: Path, name: str = "", expected: str = "") -> CasesTable:
    """Returns the table in a file, cached until the file changes. `name` stands for it in messages ("": the file's
    name); `expected` names the column of the right answers ("": the column called `expected`).

    Raises CasesError, or EncodingError if the encoding is not clear and the user has not chosen one. The user's choice
    applies to this table only: it is stored under the error's message, which names the table and a row.
    """
    try:
        stamp = path.stat()
    except OSError as error:
        raise CasesError(f"There are no cases at {path}.", hint="Choose another source of cases.") from error
    about = (str(path), stamp.st_mtime_ns, stamp.st_size, name or path.name, expected)
    try:
        return _read(*about, "")
    except EncodingError as error:
        encoding = _choices().get(error.message)
        if not encoding:
            raise
        return _read(*about, encoding)


@lru_cache(maxsize=8)  # Streamlit's own cache takes a millisecond a call, and Compose has a dozen of them
def _read(path: str, modified: int, size: int, name: str, expected: str, encoding: str) -> CasesTable:
    with st.spinner("Reading the table …"):
        data = Path(path).read_bytes()
        table = read_cases(data, name=name, expected=expected, encoding=encoding)
        return as_table(table, data + f"\0{expected}\0{encoding}".encode(), name)


def as_table(cases: Cases, content: str | bytes, name: str = "") -> CasesTable:
    """Returns the cases as a table called `name`, with the digest of `content`, from which they were read."""
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return CasesTable(cases.cases, cases.columns, cases.notes, hashlib.sha256(raw).hexdigest()[:24], name)


def encoding_field(error: EncodingError) -> None:
    """Asks for the encoding of a table; each option shows a row of the table decoded with that encoding."""
    st.warning(plain(error.message))
    texts = dict(error.texts)
    if not texts:
        st.caption(plain(error.hint))
        return
    st.selectbox(
        "Which of these is right?",
        ["", *texts],
        key="encoding_choice",
        format_func=lambda name: f"{one_line(texts[name], 80)} · {ENCODINGS[name]}" if name else "Choose",
        on_change=_take_encoding,
        args=(error.message,),
    )


def _take_encoding(message: str) -> None:
    choices = list((_choices() | {message: st.session_state.encoding_choice}).items())
    drafts.keep_draft(database(), CHOSEN, dict(choices[-REMEMBERED:]))


def _choices() -> dict[str, str]:
    return drafts.draft(database(), CHOSEN) or {}
