"""The collections that come with Promptgrid, and what full-text search finds in them."""

from __future__ import annotations

import pytest

from promptgrid.cases.table import read_cases
from promptgrid.documents.chunkers import Chunker
from promptgrid.documents.evaluation import evaluate, means, questions_of
from promptgrid.documents.retrievers import Retriever, load_index
from promptgrid.documents.samples import add_sample, sample_cases, sample_names
from promptgrid.store import Database
from promptgrid.store.documents import collections


def test_there_is_one_in_english_and_one_in_chinese() -> None:
    assert sample_names() == ["brackwater-en", "qingshi-zh"]


@pytest.mark.parametrize(("name", "least"), [("brackwater-en", 0.8), ("qingshi-zh", 0.8)])
def test_a_sample_has_documents_and_questions_with_gold_that_fits(name: str, least: float) -> None:
    database = Database()
    assert {one.ending for one in add_sample(database, name)} == {"added"}
    info = collections.find(database, name)
    assert (info.documents, info.unread) == (20, 0)
    assert {one.kind for one in collections.documents_of(database, info.id)} == {"md", "txt", "html", "csv"}
    index = load_index(database, info.id, Chunker("sentences", 60))
    questions = questions_of(read_cases(sample_cases(name)).cases, index)  # compares each quote with its passage
    assert (len(questions), sum(not question.gold for question in questions)) == (40, 5)
    assert len({one.document for question in questions for one in question.gold}) >= 17
    recall = means(evaluate(database, index, Retriever("bm25"), questions, 5), "recall")
    assert sum(recall) / len(recall) >= least
    assert means(evaluate(database, index, Retriever("oracle"), questions, 5), "ndcg") == [1.0] * 35
