"""The Judge page without a browser: what it sends, what a vote does, what it says where there is nothing to judge."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from promptgrid import api, arena
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, runs, votes
from promptgrid.store.cell_columns import replies_to_cases
from promptgrid.ui.judge.board import board_data
from tests.faults.answers import prompt_text
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.ui import pages

opened = partial(pages.opened, "7_Judge.py")
PROMPT = Prompt("judge", (Message("user", "Judge {{ text }}."),))


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.answer = lambda body: f"{prompt_text(body)} {body.get('temperature')}"
    monkeypatch.setenv("LOGNAME", "ada")


def new_run(database: Database, cases: int = 3, **axes: Any) -> str:
    rows = [{"text": f"case {i}", "expected": "good"} for i in range(1, cases + 1)]
    plan = api.plan(PROMPT, rows, **{"models": "openai/ok", "temperatures": [0, 1], **axes})
    run_id = client.submit(database, plan)
    carried_out(database, run_id)
    return run_id


def vote(at: AppTest, choice: str, *, stale: bool = False) -> AppTest:
    """As the component sends it: its handler is called in the page's own session."""
    from promptgrid.ui.judge.board import _on_vote

    task = at.session_state["judge_task"]
    state = {
        "judge_task": task,
        "judge_board": {"vote": {"at": task.at - 1 if stale else task.at, "choice": choice}},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", state)
        _on_vote(Database())
    if "judge_failed" in state:
        at.session_state["judge_failed"] = state["judge_failed"]
    return at.run()


def given(database: Database, run_id: str) -> list[str]:
    return [vote.outcome for vote in votes.listed(database, run_id)]


def test_a_vote_is_kept_and_the_next_pair_comes(database: Database) -> None:
    run_id = new_run(database)
    at = opened(run=run_id)
    first = at.session_state["judge_task"].pair
    vote(at, "left")
    assert given(database, run_id) == ["left"]
    assert votes.listed(database, run_id)[0].owner == "ada"
    assert at.session_state["judge_task"].pair != first
    vote(at, "undo")
    assert given(database, run_id) == []
    assert at.session_state["judge_task"].pair == first
    vote(at, "undo")
    vote(at, "nonsense")
    assert given(database, run_id) == []


def test_a_vote_on_a_page_that_is_not_the_latest_changes_nothing(database: Database) -> None:
    run_id = new_run(database)
    here, elsewhere = opened(run=run_id), opened(run=run_id)
    vote(here, "left")
    vote(elsewhere, "right")  # on the same pair, which this judge has voted on in the other tab
    vote(here, "tie", stale=True)
    assert given(database, run_id) == ["left"]
    assert elsewhere.session_state["judge_task"].pair == here.session_state["judge_task"].pair
    vote(elsewhere, "right")
    assert given(database, run_id) == ["left", "right"]


def test_the_ranking_is_revealed_only_when_asked_for_and_after_some_votes(database: Database) -> None:
    run_id = new_run(database)
    at = opened(run=run_id)
    assert at.button(key="judge_reveal").disabled
    for choice in ("left", "skip", "tie"):
        vote(at, choice)
    assert not at.dataframe
    at.button(key="judge_reveal").click().run()
    assert at.query_params["view"] == "ranking"
    assert set(at.dataframe[0].value["variant"]) == {"t = 0", "t = 1"}
    assert "1 skip left out" in " ".join(caption.value for caption in at.caption)
    at.button(key="judge_back").click().run()
    assert "view" not in at.query_params
    assert not at.dataframe


def test_people_are_held_against_a_model_that_judges(database: Database) -> None:
    run_id = new_run(database)
    at = opened(run=run_id)
    for outcome in ("left", "left", "tie"):
        pair = at.session_state["judge_task"].pair
        votes.add(database, run_id, pair.right, pair.left, "right", "openai/<b>judge</b>", by_model=True)
        vote(at, outcome)
    at = opened(run=run_id, view="ranking")
    ranking, _, agreement = (frame.value for frame in at.dataframe)
    assert ranking["tied"].sum() == 2  # the people's one tie, on both sides
    assert list(agreement.iloc[0][["one", "other", "same"]]) == ["ada", "openai/<b>judge</b>", "2 of 3"]
    at.segmented_control(key="judge_votes_of").set_value("models").run()
    assert at.dataframe[0].value["tied"].sum() == 0
    at.segmented_control(key="judge_votes_of").set_value("all").run()
    assert at.dataframe[0].value[["won", "lost"]].sum().sum() == 2 * 5


def test_what_the_browser_gets_names_neither_model_nor_temperature(database: Database) -> None:
    run_id = new_run(database, temperatures=[0.25, 1.75], models="openai/ok")
    this_arena = arena.read(database, run_id)
    pair = this_arena.next_pair([], "ada")
    assert pair is not None
    by_position = replies_to_cases(database, run_id, [pair.left, pair.right], 5)
    outputs = [by_position[pair.left], by_position[pair.right]]
    data = board_data(this_arena, outputs, outputs, [])
    assert data["pair"]["sides"][0] == {
        "text": "Judge",
        "cut": f"{outputs[0].chars - 5} more characters are not shown.",
    }
    assert dict(data["pair"]["inputs"])["text"].startswith("case")
    for secret in ("ok", "openai", "0.25", "1.75", "zero-shot", run_id, PROMPT.version[:6]):
        assert secret not in json.dumps({**data, "words": {}})


@pytest.mark.parametrize(
    ("answer", "axes", "headline", "offered"),
    [
        ("", {"temperatures": [0]}, "No pairs to judge", "Add to the run"),
        ("same", {}, "All replies are the same", "Add to the run"),
        ("", {"models": "openai/unknown-model"}, "No replies yet", "Open the run"),
    ],
)
def test_where_nothing_can_be_judged_the_page_says_why(
    database: Database, hostile: HostileServer, answer: str, axes: dict[str, Any], headline: str, offered: str
) -> None:
    if answer:
        hostile.answer = lambda body: answer
    at = opened(run=new_run(database, **axes))
    assert any(headline in text.value for text in at.markdown)
    assert at.button(key="judge_none_to_run").label == offered
    assert not at.exception


def test_without_runs_the_page_offers_to_set_one_up(database: Database) -> None:
    at = opened()
    assert at.button(key="judge_to_run").label == "Set up a run"


def test_all_pairs_seen_is_an_end_with_a_way_back(database: Database) -> None:
    run_id = new_run(database, cases=1)
    at = opened(run=run_id)
    vote(at, "tie")
    assert at.session_state["judge_task"].pair is None
    assert not at.button(key="judge_reveal").disabled  # one pair is all there is
    vote(at, "left")
    assert given(database, run_id) == ["tie"]
    vote(at, "undo")
    assert given(database, run_id) == []


def test_a_run_removed_in_another_tab_is_said(database: Database) -> None:
    run_id = new_run(database)
    new_run(database, cases=1)
    at = opened(run=run_id)
    runs.forget(database, run_id)
    vote(at, "left")
    assert not at.exception
    assert given(database, run_id) == []


def test_the_foot_of_a_blind_page_names_no_endpoint(database: Database) -> None:
    run_id = new_run(database)
    captions = [caption.value for caption in opened(run=run_id).sidebar.caption]
    assert not any("openai" in text or "model" in text for text in captions)
