"""What people and models say about replies, as it is kept: votes between two, and ratings of one."""

from __future__ import annotations

import pytest

from promptgrid import api
from promptgrid.errors import StoreError
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, runs, votes


@pytest.fixture
def database() -> Database:
    return Database()


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
    found = votes.listed(database, run_id)
    assert [(v.id, v.left_position, v.right_position, v.outcome, v.owner, v.by_model) for v in found] == [
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
