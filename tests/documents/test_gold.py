"""Gold as it is written in a table of cases."""

from __future__ import annotations

import pytest

from promptgrid.cases.table import parse_cases
from promptgrid.documents.chunkers import Chunker
from promptgrid.documents.chunks import Passage
from promptgrid.documents.evaluation import evaluate, means, questions_of
from promptgrid.documents.gold import check_gold, gold_text, parse_gold, passage_of, places_of
from promptgrid.documents.marking import keep_marked, marked_questions, with_passage
from promptgrid.documents.retrievers import ChunkIndex, Retriever, parse_retriever
from promptgrid.errors import DocumentsError
from promptgrid.export.gold import marked_csv
from promptgrid.store import Database
from tests.documents.made import stored

BOAT = stored("The ferry leaves at nine. Dogs travel free. Bread costs two coins.", "a: b; boat.txt")
GOLD = "a: b; boat.txt:0-25"


def test_gold_is_written_and_read() -> None:
    passages = parse_gold(f"{GOLD}; 船.md:3-9 ")
    assert passages == [Passage("a: b; boat.txt", 0, 25), Passage("船.md", 3, 9)]
    assert parse_gold(gold_text(passages)) == passages
    assert parse_gold(" ") == []
    for wrong in ("ferry", "ferry.md:5", "a:1-2; b", ":1-2"):
        with pytest.raises(DocumentsError, match="no gold passage"):
            parse_gold(wrong)


def test_gold_that_does_not_fit_its_documents_is_refused() -> None:
    documents = {BOAT.name: BOAT}
    check_gold(parse_gold(GOLD), documents, "The ferry leaves at nine.")
    for gold, quote, words in (
        ("other.md:0-3", "", "no document other.md"),
        (f"{BOAT.name}:60-99", "", "has 66 characters"),
        (f"{BOAT.name}:9-9", "", "is not in the document"),
        (GOLD, "The bus leaves at nine.", "not 'The bus"),
    ):
        with pytest.raises(DocumentsError, match=words):
            check_gold(parse_gold(gold), documents, quote)


def test_a_quote_becomes_a_passage_if_it_stands_there_once() -> None:
    assert passage_of(BOAT, "Dogs travel free.") == Passage(BOAT.name, 26, 43)
    for quote, words in (("cats", "not"), ("e", "more than once"), ("", "not")):
        with pytest.raises(DocumentsError, match=words):
            passage_of(BOAT, quote)


def test_questions_of_a_table_are_measured_by_their_gold() -> None:
    index = ChunkIndex([BOAT], Chunker("sentences", 8))
    table = parse_cases(f'id,question,gold\n1,When does the ferry leave?,"{GOLD}"\n2,Who is the king?,\n')
    questions = questions_of(table.cases, index)
    results = evaluate(Database(), index, Retriever("bm25"), questions, 1)
    assert [means(results, name) for name in ("recall", "reciprocal_rank")] == [[1.0], [1.0]]
    assert len(means(results, "tokens")) == 2
    for kind, precision in (("oracle", 1.0), ("all", 25 / 66)):
        perfect = evaluate(Database(), index, parse_retriever(kind), questions, 1)
        assert means(perfect, "precision") == [precision]
    with pytest.raises(DocumentsError, match="no column 'gold'"):
        questions_of(parse_cases("question\nx\n").cases, index)
    with pytest.raises(DocumentsError, match="Case 1: There is no document"):
        questions_of(parse_cases("question,gold\nx,b.md:1-2\n").cases, index)


def test_a_pasted_passage_is_found_wherever_it_stands_whatever_its_line_ends() -> None:
    boat = stored("The ferry\nleaves  at nine. The ferry leaves at nine. (a.c)", "boat.md")
    assert places_of(boat, " The ferry leaves\tat nine. ") == [Passage("boat.md", 0, 26), Passage("boat.md", 27, 52)]
    assert places_of(boat, "(a.c)") == [Passage("boat.md", 53, 58)]
    assert places_of(boat, "abc") == places_of(boat, "  ") == []


def test_gold_marked_by_hand_is_a_table_of_cases_that_measures(database: Database) -> None:
    marked = with_passage([], "When?", "nine", passage_of(BOAT, "The ferry leaves at nine."))
    marked = with_passage(marked, "When?", "", passage_of(BOAT, "Dogs travel free."))
    marked = with_passage(marked, "Who?", "", None)
    keep_marked(database, "town", marked)
    assert marked_questions(database, "town") == marked
    table = parse_cases(marked_csv(marked, {BOAT.name: BOAT}).decode())
    first, second = questions_of(table.cases, ChunkIndex([BOAT], Chunker()))
    assert (len(first.gold), first.gold[0], second.gold) == (2, Passage(BOAT.name, 0, 25), ())
    assert table.cases[0].expected == "nine"
