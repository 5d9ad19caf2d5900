"""Measures a retriever over the questions of a table of cases, by the gold of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from promptgrid.cases.table import Case
from promptgrid.documents.chunks import Passage
from promptgrid.documents.gold import GOLD, QUOTE, check_gold, parse_gold
from promptgrid.documents.measures import RetrievalMeasures, measured
from promptgrid.documents.retrievers import ChunkIndex, Hit, Retriever, retrieve
from promptgrid.errors import DocumentsError
from promptgrid.store import Database

QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a table of cases, with its gold; `case_id` is that of the case."""

    case_id: str
    text: str
    gold: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was retrieved for one question, and how good it is."""

    question: Question
    hits: Sequence[Hit]
    measures: RetrievalMeasures


def question_texts(cases: Sequence[Case], column: str = "") -> list[tuple[str, str]]:
    """Returns (question, expected answer or "") of each case. `column` names the column of questions ("": `question`,
    or else the first one). Raises DocumentsError if it is missing."""
    column = _column(cases, column)
    return [(str(case.inputs[column]), str(case.expected or "")) for case in cases]


def _column(cases: Sequence[Case], column: str, *, gold: bool = False) -> str:
    """Returns the column of questions. Raises DocumentsError if it is missing, or with `gold` if that of the gold
    is."""
    names = list(cases[0].inputs) if cases else []
    column = column or (QUESTION if QUESTION in names else next((n for n in names if n not in (GOLD, QUOTE)), ""))
    for name in (column, GOLD) if gold else (column,):
        if name not in names:
            hint = f"It has {', '.join(names) or 'none'}" + (
                "; gold is written as DOCUMENT:START-END." if gold else "."
            )
            raise DocumentsError(f"The table of cases has no column {name or QUESTION!r}.", hint=hint)
    return column


def questions_of(cases: Sequence[Case], index: ChunkIndex, column: str = "") -> list[Question]:
    """Returns the questions of the cases with their gold, which is checked against the documents of the index. `column`
    names the column of questions ("": `question`, or else the first one).

    Raises DocumentsError if a column is missing, or if a case's gold does not fit the documents.
    """
    column = _column(cases, column, gold=True)
    questions = []
    for case in cases:
        gold = parse_gold(str(case.inputs[GOLD]))
        try:
            check_gold(gold, index.by_name, str(case.inputs.get(QUOTE, "")))
        except DocumentsError as error:
            raise DocumentsError(f"Case {case.id}: {error.message}", hint=error.hint) from error
        questions.append(Question(case.id, str(case.inputs[column]), tuple(gold)))
    return questions


def evaluate(
    database: Database,
    index: ChunkIndex,
    retriever: Retriever,
    questions: Sequence[Question],
    k: int,
    on_progress: Callable[[int, int], object] = lambda done, total: None,
) -> list[Evaluated]:
    """Retrieves `k` chunks for each question and measures them. The best possible gain is that over the chunks of the
    index, or for the retrievers `all` and `oracle` over what they return. Raises as `retrieve` does."""
    results = []
    for done, question in enumerate(questions, 1):
        hits = retrieve(database, index, retriever, question.text, k, gold=question.gold)
        most = max(k, len(hits)) if retriever.kind in ("all", "oracle") else k
        chunks = [hit.chunk for hit in hits]
        candidates = chunks if retriever.kind in ("all", "oracle") else index.chunks
        results.append(Evaluated(question, hits, measured(chunks, question.gold, candidates, most)))
        on_progress(done, len(questions))
    return results


def means(results: Sequence[Evaluated], name: str) -> list[float]:
    """Returns the values of the measure `name` for the questions that have one, in order."""
    values = (getattr(result.measures, name) for result in results)
    return [float(value) for value in values if value is not None]
