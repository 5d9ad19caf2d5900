"""Writes questions whose gold was marked by hand as a table of cases."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from promptgrid.documents.gold import GOLD, QUOTE, parse_gold
from promptgrid.documents.marking import MarkedQuestion
from promptgrid.export.csv_out import write_table
from promptgrid.store.documents.collections import StoredText


def marked_csv(questions: Sequence[MarkedQuestion], documents: Mapping[str, StoredText]) -> bytes:
    """Returns the questions as a table of cases in CSV: question, expected, gold, and the text of the first passage,
    by which a document that has changed is noticed. `documents` are by name."""
    rows = [asdict(one) | {QUOTE: _quote(one, documents)} for one in questions]
    out = io.BytesIO()
    write_table(rows, out, ("question", "expected", GOLD, QUOTE))
    return out.getvalue()


def _quote(one: MarkedQuestion, documents: Mapping[str, StoredText]) -> str:
    first = next(iter(parse_gold(one.gold)), None)
    document = documents.get(first.document) if first else None
    return document.text[first.start : first.end] if first and document else ""
