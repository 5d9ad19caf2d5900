"""The page Tune: a training file out of a run, and a file of the user's own."""

from __future__ import annotations

import json

import pytest

from promptgrid import api
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database
from tests.faults.server import HostileServer
from tests.ui.pages import opened, press, ran, shown

FILE = "12_Tune.py"


@pytest.fixture
def checked_run(database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    hostile.answer = lambda body: "red" if body.get("temperature") == 0 else "blue"
    rule = AnswerRule("label", ("red", "blue"))
    prompt = Prompt("colour", (Message("user", "Colour of {{ thing }}?"),), answer=rule)
    rows = [{"thing": f"thing {n}", "expected": "red"} for n in range(20)]
    api.run(api.plan(prompt, rows, models="openai/ok", temperatures=[0, 1]))


def test_without_runs_the_page_says_what_to_do(database: Database) -> None:
    assert "No runs yet" in shown(opened(FILE))


@pytest.mark.usefixtures("checked_run")
def test_a_run_becomes_a_file_and_its_faults_are_listed() -> None:
    page = press(opened(FILE), "tune_make")
    assert "from checks" in shown(page)
    assert "kept for the verdict" in shown(page)
    (faults,) = page.dataframe
    assert set(faults.value["what"]) >= {"every example has the same reply"}
    page.selectbox(key="tune_method").select("kto")
    page = press(ran(page), "tune_make")
    assert page.selectbox(key="tune_dialect_kto").options == ["trl"]
    assert "nothing is wrong with it" in shown(page)


def test_a_file_of_the_users_own_is_checked(database: Database) -> None:
    page = opened(FILE)
    lines = [json.dumps({"messages": [{"role": "user", "content": "Hi"}]}), "not json"]
    page.file_uploader(key="tune_file").upload("own.jsonl", "\n".join(lines).encode(), "application/jsonl")
    page = ran(page)
    assert "would refuse this file" in shown(page)
    (faults,) = page.dataframe
    assert {"a line that is not JSON", "the last message is not the assistant's"} <= set(faults.value["what"])
