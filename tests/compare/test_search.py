"""The answers of all runs are searched, in any language, the newest first."""

from __future__ import annotations

import pytest

from promptgrid import compare
from promptgrid.compare.search import search_answers
from promptgrid.store import Database, runs
from promptgrid.store.schema import cells
from tests.stored import Cell, store_run


def found(database: Database, text: str, limit: int = 200) -> list[tuple[str, str]]:
    return [(match.run_id, match.case_id) for match in search_answers(database, text, limit)]


def test_replies_of_all_runs_are_found_the_newest_first(database: Database) -> None:
    store_run(database, [Cell("1", output="Grüße aus Köln"), Cell("2", output="no")], run_id="aaaaaaaa")
    store_run(database, [Cell("1", output="no"), Cell("3", output="GRÜSSE")], run_id="bbbbbbbb")
    assert found(database, "grüsse") == found(database, " Grüße ") == [("bbbbbbbb", "3"), ("aaaaaaaa", "1")]
    assert found(database, "grüsse", 1) == [("bbbbbbbb", "3")]
    assert found(database, "köln") == [("aaaaaaaa", "1")]


@pytest.mark.parametrize("text", ["天气", "今天天气很好", "好"])
def test_chinese_text_is_found(database: Database, text: str) -> None:
    store_run(database, [Cell(output="他说：今天天气很好。"), Cell("2", output="今日は")])
    assert found(database, text) == [("run00001", "1")]


def test_signs_of_the_database_are_text(database: Database) -> None:
    store_run(database, [Cell("1", output="100% a_b"), Cell("2", output="100 axb")])
    assert found(database, "100%") == found(database, "a_b") == [("run00001", "1")]
    assert found(database, "  ") == []


def test_a_reply_that_two_runs_show_stands_once_and_one_that_no_listed_run_shows_not(database: Database) -> None:
    store_run(database, [Cell(output="the word")], run_id="aaaaaaaa")
    store_run(database, [Cell(output="other")], run_id="bbbbbbbb")
    with database.write() as connection:
        connection.execute(cells.update().values(reply_id=1))
    assert len(found(database, "the word")) == 1
    runs.delete(database, "aaaaaaaa")
    assert found(database, "the word") == [("bbbbbbbb", "1")]
    runs.delete(database, "bbbbbbbb")
    assert found(database, "the word") == []


def test_a_match_names_the_column_of_its_cell_and_shows_the_words_around_it(database: Database) -> None:
    output = "a " * 100 + "NEEDLE\n" + "b " * 100
    store_run(database, [Cell(technique="few-shot"), Cell(technique="zero-shot", output=output, answer="yes")])
    (match,) = search_answers(database, "needle")
    columns = compare.comparison_rows(database, compare.facts(database, "run00001"), compare.View()).columns
    assert match.variant.id == next(head.id for head in columns if "zero-shot" in head.label)
    assert match.label == "p@v1 · zero-shot · t = 0 · e/m"
    assert (match.answer, match.sample) == ("yes", 1)
    assert match.excerpt.startswith("…a a")
    assert "a NEEDLE b" in match.excerpt
    assert len(match.excerpt) < 160
