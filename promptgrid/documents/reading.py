"""Extracts the text of a file: plain text, Markdown, HTML, PDF, or the rows of a table.

The text is NFKC, with `\\n` as its only line break: every range of characters refers to this text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from promptgrid.cases.decoding import decoded, megabytes
from promptgrid.cases.delimited import read_delimited
from promptgrid.cases.raw import MAX_CASES
from promptgrid.documents.markup import declared_charset, html_text
from promptgrid.documents.pdf import page_texts
from promptgrid.errors import CasesError, DocumentsError
from promptgrid.humanize import many
from promptgrid.text import clean

KINDS: Mapping[str, str] = {
    ".txt": "txt", ".text": "txt", ".md": "md", ".markdown": "md", ".html": "html", ".htm": "html", ".pdf": "pdf",
    ".csv": "csv", ".tsv": "csv",
}  # fmt: skip
"""The kinds of documents by the ending of the file's name."""

MOST_BYTES = 100 * 1024 * 1024
_GAP = "\n\n"  # between pages, and between rows
_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*?)[ \t#]*$", re.MULTILINE)
_TITLE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a file. `pages` has the index at which each page of a PDF, or each row of a table, begins; it is
    empty for other kinds. `note` says what was not plain, such as pages without text."""

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()
    note: str = ""


def extract(data: bytes, name: str, *, encoding: str = "") -> Extracted:
    """Returns the text of the file's bytes. The ending of `name` decides how they are read; `encoding` is the user's
    choice for a text that is not UTF-8 ("": none).

    Raises DocumentsError for a file of another kind, one that is too large, damaged or encrypted, and one without any
    text; CasesError for an unknown encoding and for a table that cannot be read.
    """
    kind = kind_of(name)
    if not kind:
        raise DocumentsError(f"{name} is none of {', '.join(KINDS)}.", hint="Save it as one of these.")
    if len(data) > MOST_BYTES:
        size, most = megabytes(len(data)), megabytes(MOST_BYTES)
        raise DocumentsError(f"{name} has {size}; a document may have {most}.", hint="Split it into several files.")
    extracted = _READERS[kind](data, name, encoding)
    if not extracted.text.strip():
        raise DocumentsError(f"{name} has no text.", hint="Is it empty?")
    return extracted


def kind_of(name: str) -> str:
    """Returns the kind of a document by the ending of its file's name: txt, md, html, pdf or csv; "" for others."""
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    return KINDS.get(ending, "")


def plain(text: str) -> str:
    """Returns the text in NFKC, with `\\n` for every line break and U+FFFD for each lone surrogate."""
    return unicodedata.normalize("NFKC", clean(text).replace("\r\n", "\n").replace("\r", "\n"))


def _decoded(data: bytes, name: str, encoding: str) -> tuple[str, str]:
    """Returns (the text, a note on its encoding). Raises DocumentsError if the bytes are no text."""
    text, notes = decoded(data, name, encoding)
    if "\0" in text:
        raise DocumentsError(f"{name} is not a text: it holds the byte 0.", hint="Is its ending right?")
    return text.removeprefix("\ufeff"), "; ".join(notes)


def _read_text(data: bytes, name: str, encoding: str) -> Extracted:
    text, note = _decoded(data, name, encoding)
    return Extracted(plain(text), note=note)


def _read_markdown(data: bytes, name: str, encoding: str) -> Extracted:
    text, note = _decoded(data, name, encoding)
    text = plain(text)
    heading = _HEADING.search(text)
    return Extracted(text, heading[1][:_TITLE_CHARS] if heading else "", note=note)


def _read_html(data: bytes, name: str, encoding: str) -> Extracted:
    try:
        markup, note = _decoded(data, name, encoding)
    except CasesError:
        declared = "" if encoding else declared_charset(data)
        if not declared:
            raise
        markup, note = _decoded(data, name, declared)
    text, title = html_text(markup)
    return Extracted(plain(text), plain(title)[:_TITLE_CHARS], note=note)


def _read_pdf(data: bytes, name: str, encoding: str) -> Extracted:
    pages = [plain(text) for text in page_texts(data, name)]
    empty = sum(not page.strip() for page in pages)
    if empty == len(pages):
        what = f"its {many(empty, 'page')} hold pictures, perhaps scans" if pages else "it has no pages"
        raise DocumentsError(f"{name} has no text: {what}.", hint="Run it through text recognition (OCR) first.")
    text, starts = _joined(pages)
    return Extracted(text, pages=starts, note=f"{empty} of {many(len(pages), 'page')} have no text" if empty else "")


def _read_rows(data: bytes, name: str, encoding: str) -> Extracted:
    """Reads a table: each row becomes a paragraph of lines `column: value`, without the empty cells."""
    text, note = _decoded(data, name, encoding)
    table = read_delimited(text, name)
    if len(table.rows) > MAX_CASES:
        raise DocumentsError(f"{name} has more than {MAX_CASES:,} rows.", hint="Split it into smaller files.")
    columns = [cell.strip() or f"column {number}" for number, cell in enumerate(table.header.cells, 1)]
    rows = [
        plain("\n".join(f"{column}: {value.strip()}" for column, value in zip(columns, row.cells, strict=True)
                        if value.strip()))
        for row in table.rows
    ]  # fmt: skip
    joined, starts = _joined(rows)
    return Extracted(joined, pages=starts, note="; ".join(filter(None, [note, *table.notes])))


def _joined(parts: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """Returns (the parts with a blank line between them, the index at which each of them begins)."""
    starts = accumulate((len(part) + len(_GAP) for part in parts[:-1]), initial=0)
    return _GAP.join(parts), tuple(starts) if parts else ()


_READERS: Mapping[str, Callable[[bytes, str, str], Extracted]] = {
    "txt": _read_text, "md": _read_markdown, "html": _read_html, "pdf": _read_pdf, "csv": _read_rows,
}  # fmt: skip
