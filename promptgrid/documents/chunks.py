"""A chunk: a range of characters of a document. A passage: such a range by the document's name, as gold has it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from promptgrid.store.documents.collections import StoredText

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


class Chunks(Sequence[Chunk]):
    """The chunks of some documents, in order. They are held as numbers, and each is made when it is wanted."""

    def __init__(self, documents: Sequence[StoredText], tables: Sequence[NDArray[np.int32]]) -> None:
        """`tables` has for each of the documents its chunks as rows: start, end, tokens."""
        import numpy as np

        self._documents = documents
        self._rows: NDArray[np.int32] = np.concatenate([np.zeros((0, 3), np.int32), *tables])
        self._owners = np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables])

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Chunk: ...

    @overload
    def __getitem__(self, at: slice) -> list[Chunk]: ...

    def __getitem__(self, at: int | slice) -> Chunk | list[Chunk]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        start, end, tokens = self._rows[at].tolist()
        return Chunk(self._documents[self._owners[at]], start, end, tokens)

    def within(self, names: Container[str]) -> list[Chunk]:
        """Returns the chunks of the documents with these names."""
        import numpy as np

        mine = np.array([document.name in names for document in self._documents], np.bool_)
        return [self[number] for number in np.flatnonzero(mine[self._owners]).tolist()]

    @property
    def texts(self) -> ChunkTexts:
        """The characters of each chunk."""
        return ChunkTexts(self._documents, self._owners, self._rows[:, 0], self._rows[:, 1])


class ChunkTexts(Sequence[str]):
    """The texts of some chunks, in order. Each is cut out when it is wanted, since all together are as large as the
    documents."""

    def __init__(self, documents: Sequence[StoredText], *columns: Any) -> None:
        """`columns` are arrays that have for each chunk the number of its document, its start and its end."""
        self._documents = documents
        self._columns: list[memoryview[int]] = [memoryview(column) for column in columns]  # faster than an array

    def __len__(self) -> int:
        return len(self._columns[0])

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        owner, start, end = (column[at] for column in self._columns)
        return self._documents[owner].text[start:end]

    def __iter__(self) -> Iterator[str]:
        for owner, start, end in zip(*self._columns, strict=True):
            yield self._documents[owner].text[start:end]


@dataclass(frozen=True, slots=True, order=True)
class Passage:
    """The characters from `start` up to `end` of the document with this name."""

    document: str
    start: int
    end: int
