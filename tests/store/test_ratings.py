"""What people and models say about replies, as it is kept: votes between two, and ratings of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid import api
from promptgrid.errors import StoreError
from promptgrid.export.csv_in import read_csv
from promptgrid.export.runs import save_run
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, ratings, results, runs, votes
from promptgrid.store.ratings import Rating, value_of


@pytest.fixture
def run_id(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two cases at two temperatures; nothing is sent."""
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    prompt = Prompt("greet", (Message("user", "Hi {{ name }}"),))
    plan = api.plan(prompt, [{"name": "Ada"}, {"name": "Bo"}], models="openai/m", temperatures=[0, 1])
    monkeypatch.setattr("promptgrid.runner.client.ensure_runner", lambda: None)
    return client.submit(database, plan)


def test_votes_are_kept_in_their_order_and_can_be_taken_back(database: Database, run_id: str) -> None:
    first = votes.add(database, run_id, 0, 1, "left", "ada")
    second = votes.add(database, run_id, 3, 2, "tie", "openai/judge", by_model=True)
    stored_votes = votes.listed(database, run_id)
    assert [(v.id, v.left_position, v.right_position, v.outcome, v.owner, v.by_model) for v in stored_votes] == [
        (first, 0, 1, "left", "ada", False),
        (second, 3, 2, "tie", "openai/judge", True),
    ]
    votes.undo(database, first)
    votes.undo(database, first)
    assert [v.id for v in votes.listed(database, run_id)] == [second]


def test_a_vote_on_what_is_gone_says_so_and_keeps_nothing(database: Database, run_id: str) -> None:
    with pytest.raises(StoreError, match=r"has no cell 0 and 99; nothing was kept"):
        votes.add(database, run_id, 0, 99, "left", "ada")
    runs.forget(database, run_id)
    with pytest.raises(StoreError, match=r"nothing was kept.*removed in another tab"):
        votes.add(database, run_id, 0, 1, "left", "ada")
    assert votes.listed(database, run_id) == []


def test_votes_go_with_their_run(database: Database, run_id: str) -> None:
    votes.add(database, run_id, 0, 1, "left", "ada")
    runs.delete(database, run_id)
    assert len(votes.listed(database, run_id)) == 1  # it can still be brought back
    runs.purge(database)
    assert votes.listed(database, run_id) == []


def test_a_name_that_cannot_be_stored_loses_no_vote(database: Database, run_id: str) -> None:
    votes.add(database, run_id, 0, 1, "right", "a\ud800")
    assert votes.listed(database, run_id)[0].owner == "a\ufffd"


def test_a_rating_is_changed_and_taken_away(database: Database, run_id: str) -> None:
    first = Rating(1, "ada", value_of("stars", 4), "stars", "good")
    ratings.put(database, run_id, first)
    ratings.put(database, run_id, Rating(1, "bo", value_of("thumb", 0), "thumb", ""))
    assert ratings.listed(database, run_id, 1) == [first, Rating(1, "bo", 0.0, "thumb", "")]
    ratings.put(database, run_id, Rating(1, "ada", None, "stars", "only a note"))
    assert {r.owner: (r.value, r.note) for r in ratings.listed(database, run_id)}["ada"] == (None, "only a note")
    ratings.put(database, run_id, Rating(1, "ada", None, "stars", "  "))
    assert [r.owner for r in ratings.listed(database, run_id)] == ["bo"]
    assert ratings.listed(database, run_id, 0) == []


@pytest.mark.parametrize(("scale", "marks"), [("thumb", (0, 1)), ("stars", (1, 2, 3, 4, 5))])
def test_a_mark_comes_back_as_it_was_given(scale: ratings.Scale, marks: tuple[int, ...]) -> None:
    values = [value_of(scale, mark) for mark in marks]
    assert (values[0], values[-1]) == (0.0, 1.0)
    assert tuple(Rating(0, "a", value, scale, "").mark for value in values) == marks


def test_the_results_file_has_what_people_said(database: Database, run_id: str, tmp_path: Path) -> None:
    ratings.put(database, run_id, Rating(0, "ada", value_of("stars", 2), "stars", "too long"))
    ratings.put(database, run_id, Rating(0, "bo", value_of("thumb", 1), "thumb", '=1+1, "so"\nwhat'))
    ratings.put(database, run_id, Rating(2, "bo", None, "stars", "odd"))
    rows = list(results.result_rows(database, run_id))
    ratings_of_rows = [(row.human_score, row.human_note) for row in rows]
    assert ratings_of_rows == [
        (0.625, 'ada: too long\nbo: =1+1, "so"\nwhat'),
        (None, None),
        (None, "bo: odd"),
        (None, None),
    ]
    save_run(database, run_id, tmp_path / "out.csv")
    file_rows = list(read_csv(tmp_path / "out.csv"))
    assert [(row["human_score"], row["human_note"] or None) for row in file_rows] == ratings_of_rows


def test_a_rating_of_what_is_gone_says_so(database: Database, run_id: str) -> None:
    ratings.put(database, run_id, Rating(0, "ada", 1.0, "thumb", ""))
    runs.forget(database, run_id)
    assert ratings.listed(database, run_id) == []
    with pytest.raises(StoreError, match="has no cell 0"):
        ratings.put(database, run_id, Rating(0, "ada", 1.0, "thumb", ""))
