"""A chunk: a range of characters of a document. A passage: such a range by the document's name, as gold has it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from promptgrid.store.documents.collections import StoredText


@dataclass(frozen=True, slots=True)
class Chunk:
    """The characters from `start` up to `end` of the text of a document. `tokens` is the number of tokens that begin in
    it, by the chunker's tokenizer."""

    document: StoredText
    start: int
    end: int
    tokens: int

    @property
    def text(self) -> str:
        """The characters of the chunk."""
        return self.document.text[self.start : self.end]

    @property
    def passage(self) -> Passage:
        """The range of the chunk, by the document's name."""
        return Passage(self.document.name, self.start, self.end)

    @property
    def title(self) -> str:
        """The title of the document, or else its name."""
        return self.document.title or self.document.name

    @property
    def page(self) -> int | None:
        """The page of a PDF, or the row of a table, on which the chunk begins, from 1; None for other documents."""
        return bisect_right(self.document.pages, self.start) or None

    @property
    def place(self) -> str:
        """Where the chunk stands, in words: `manual.pdf, page 3` or `ferry.md, characters 120–340`."""
        if self.page is not None:
            return f"{self.document.name}, {'page' if self.document.kind == 'pdf' else 'row'} {self.page}"
        return f"{self.document.name}, characters {self.start:,}–{self.end:,}"


@dataclass(frozen=True, slots=True, order=True)
class Passage:
    """The characters from `start` up to `end` of the document with this name."""

    document: str
    start: int
    end: int
