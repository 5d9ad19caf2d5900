"""What a cell is shown of documents: passages, by which a template's `{{ context }}` is filled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from promptgrid.prompt import EMPTY
from promptgrid.prompt.retrieval import CHUNKS, CONTEXT


@dataclass(frozen=True, slots=True)
class RetrievedPassage:
    """The characters from `start` up to `end` of the document with this name, as a cell's prompt shows them. `digest`
    is the sha256 of the document's text, `page` the page of a PDF or the row of a table (None: it has none), `rank` 1
    for the best passage, `score` that of the retriever."""

    document: str
    digest: str
    title: str
    page: int | None
    start: int
    end: int
    rank: int
    score: float
    text: str

    @property
    def label(self) -> str:
        """The title, with the page of a PDF or the row of a table: `Ferry timetable, page 3`."""
        unit = "page" if self.document.lower().endswith(".pdf") else "row"
        return self.title if self.page is None else f"{self.title}, {unit} {self.page}"


Passages = tuple[RetrievedPassage, ...]
"""What a cell's prompt shows, in the order of the prompt."""


@dataclass(frozen=True)  # no slots: `values` is cached
class Context:
    """The passages of one case, in the order of the prompt: the passage at index n - 1 is the one that the prompt calls
    [n]. `id` is the `retrieval_id` of their setting, or a `context_id` if a model has decided what was found."""

    id: str = ""
    passages: Passages = ()

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The values of the variables that retrieval fills, by name; empty if nothing is retrieved (`id` is "")."""
        if not self.id:
            return EMPTY
        numbered = list(enumerate(self.passages, 1))
        chunks = [
            {"number": number, "title": one.title, "page": one.page, "document": one.document, "text": one.text.strip()}
            for number, one in numbered
        ]
        return {CONTEXT: context_text(self.passages), CHUNKS: chunks}


def context_text(passages: Sequence[RetrievedPassage]) -> str:
    """Returns the passages as one text: each has a line with its number and its title, such as `[1] Ferry timetable`,
    and below it its text; a blank line stands between two."""
    return "\n\n".join(f"[{number}] {one.label}\n{one.text.strip()}" for number, one in enumerate(passages, 1))


def context_id(retrieval: str, parts: Sequence[Any]) -> str:
    """Returns 12 hex digits that name what was found by the setting `retrieval` (of `retrieval_id`) for these `parts`,
    which JSON can hold: the queries of a search, or the places of the passages that a prompt shows."""
    return hashlib.sha256(json.dumps([retrieval, *parts]).encode()).hexdigest()[:12]
