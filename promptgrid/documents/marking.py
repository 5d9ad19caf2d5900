"""Keeps the questions of a collection whose gold a person has marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from promptgrid.documents.chunks import Passage
from promptgrid.documents.gold import gold_text, parse_gold
from promptgrid.store import Database, drafts


@dataclass(frozen=True, slots=True)
class MarkedQuestion:
    """A question, its expected answer ("": none), and its gold as `parse_gold` reads it ("": no document answers)."""

    question: str
    expected: str
    gold: str


def marked_questions(database: Database, collection_id: str) -> list[MarkedQuestion]:
    """Returns the marked questions of the collection, in the order in which they were marked."""
    return [MarkedQuestion(**fields) for fields in drafts.draft(database, _name(collection_id)) or ()]


def keep_marked(database: Database, collection_id: str, questions: Sequence[MarkedQuestion]) -> None:
    """Stores these as the marked questions of the collection."""
    drafts.keep_draft(database, _name(collection_id), [asdict(one) for one in questions])


def with_passage(
    questions: Sequence[MarkedQuestion], question: str, expected: str, passage: Passage | None
) -> list[MarkedQuestion]:
    """Returns the questions with the passage as further gold of `question`, which is added if it is not there; without
    a passage (None), its gold stays as it is. An `expected` answer that is not empty replaces the one before."""
    questions = list(questions)
    at = next((at for at, one in enumerate(questions) if one.question == question), len(questions))
    if at == len(questions):
        questions.append(MarkedQuestion(question, expected, ""))
    one = replace(questions[at], expected=expected or questions[at].expected)
    gold = dict.fromkeys([*parse_gold(one.gold), *([passage] if passage else [])])
    questions[at] = replace(one, gold=gold_text(gold))
    return questions


def _name(collection_id: str) -> str:
    return f"gold:{collection_id}"
