"""Finds answers in all runs by a text that they contain."""

from __future__ import annotations

import re
from dataclasses import dataclass

from promptgrid.compare.variants import Variant, labels
from promptgrid.store import Database
from promptgrid.store.across.answers import AnswerRow, answers_with
from promptgrid.text import one_line

MOST_MATCHES = 200
_AROUND = 70  # characters of the excerpt before the match, and after it


@dataclass(frozen=True, slots=True)
class AnswerMatch:
    """A reply that contains a searched text: the run and the cell that show it, its case and its `variant`, whose `id`
    is also the id of its column on the Compare page. `excerpt` is the part of the reply around the first match, in one
    line; `sample` counts from 1; `created` is when the run was created, in seconds since 1970."""

    run_id: str
    run_name: str
    created: float
    position: int
    case_id: str
    variant: Variant
    label: str
    sample: int
    answer: str | None
    excerpt: str


def search_answers(database: Database, text: str, limit: int = MOST_MATCHES) -> list[AnswerMatch]:
    """Returns replies of all runs that contain the text, ignoring upper and lower case: at most `limit`, the newest
    first. An empty text finds nothing; the replies of deleted runs are left out."""
    wanted = text.strip()
    return [_match(row, wanted) for row in answers_with(database, wanted, limit)] if wanted else []


def _match(row: AnswerRow, wanted: str) -> AnswerMatch:
    variant = Variant(row.prompt, row.version, row.technique, row.model, row.parameters)
    label = " · ".join([f"{row.prompt}@{row.version[:6]}", *labels([variant])[variant.id], row.model])
    return AnswerMatch(
        row.run_id, row.run_name, row.created, row.position, row.case_id, variant, label, row.sample + 1, row.answer,
        _excerpt(row.output, wanted),
    )  # fmt: skip


def _excerpt(output: str, wanted: str) -> str:
    match = re.search(re.escape(wanted), output, re.IGNORECASE)
    # A match by case folding alone ("ß" for "ss") is looked up in the folded text, whose places differ by few
    # characters.
    at = match.start() if match else max(0, output.casefold().find(wanted.casefold()))
    start, end = max(0, at - _AROUND), at + len(wanted) + _AROUND
    return f"{'…' if start else ''}{one_line(output[start:end], end - start)}{'…' if end < len(output) else ''}"
