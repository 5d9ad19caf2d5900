"""What costs says so on the button: a button that sends calls at once names them, or its verb does (Send, Ask, Try)."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import chat
from promptgrid.chat import ChatVariant, Settings
from promptgrid.runner import client
from promptgrid.store import Database, conversations, drafts, runs
from promptgrid.ui import home
from promptgrid.ui.chat import actions, log
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.ui.pages import opened, ran

pytestmark = pytest.mark.usefixtures("library")
OK = "openai/ok"


def label(page: AppTest, key: str) -> str:
    return page.button(key=key).label


def test_the_example_names_its_calls(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_example_model", lambda: OK)
    calls = client.preflight(Database(), home.example_plan()).total.calls
    assert label(opened(), "home_example_run") == f"Run the example · {calls} calls"


def test_start_resume_retry_and_extend_say_what_they_send(endpoint: HostileServer, database: Database) -> None:
    endpoint.answer = lambda body: "positive"
    drafts.keep_draft(database, "run", {"run_models": [OK], "run_techniques": ["zero-shot"], "run_max_tokens": 8})
    page = opened("2_Run.py")
    assert label(page, "start") == "Start · 36 calls"
    page.button(key="start").click()
    run_id = "".join(ran(page).query_params["run"])
    runs.ask(database, run_id, "cancel")
    carried_out(database, run_id)
    assert label(ran(page), "run_resume") == "Resume · 36 cells left"
    runs.ask(database, run_id, "resume")
    carried_out(database, run_id)
    assert label(opened("2_Run.py"), "start") == "Start"  # all is answered: nothing is sent
    page = opened("2_Run.py", run=run_id)
    assert label(page, "run_extend_go") == "Add and run"
    page.number_input(key=f"extend_samples_{run_id}").set_value(2)
    assert label(ran(page), "run_extend_go") == "Add and run · 36 calls"


def test_failed_cells_are_counted_on_the_button_that_sends_them_again(
    endpoint: HostileServer, database: Database
) -> None:
    values = {"run_models": ["openai/html"], "run_techniques": ["zero-shot"], "run_temperatures": ["0"]}
    drafts.keep_draft(database, "run", values | {"run_retries": 0})
    page = opened("2_Run.py")
    page.button(key="start").click()
    run_id = "".join(ran(page).query_params["run"])
    carried_out(database, run_id)
    failed = runs.progress(database, run_id).by_status["failed"]
    assert label(ran(page), "run_retry") == f"Retry {failed} failed cells"


def test_the_connection_is_tested_by_one_call(endpoint: HostileServer) -> None:
    assert label(opened("5_Settings.py"), "test_openai") == "Test the connection · 1 call"


@pytest.mark.parametrize("variants", [1, 2])
@pytest.mark.parametrize(("act", "turn"), [("rerun", 0), ("save_branch", 0), ("save_branch", 2), ("all", 1)])
def test_each_button_of_the_log_names_as_many_calls_as_it_sends(
    act: str, turn: int, variants: int, endpoint: HostileServer, database: Database
) -> None:
    settings = Settings(tuple(ChatVariant(number, OK) for number in range(1, variants + 1)))
    talk = conversations.create(database, "Talk", chat.to_json(settings))
    opened("10_Chat.py", chat=talk)
    at: int | None = None
    for role, text in (("user", "one"), ("assistant", ""), ("user", "two"), ("assistant", "")):
        replies = {} if text else {n: conversations.VariantReply("re", "answered") for n in range(1, variants + 1)}
        at = conversations.add_turn(database, talk, at, role, text, replies_by_variant=replies)  # type: ignore[arg-type]
    nodes = actions.on_screen(conversations.load(database, talk))
    stated = log.calls_by_action(nodes, nodes[turn], settings)[act]
    edit = {"act": "edit", "variant": None, "text": "changed", "how": "branch"}
    actions.act(talk, {"id": nodes[turn].id, **(edit if act == "save_branch" else {"act": act})})
    actions.rounds()[talk].wait(60)
    sent = endpoint.calls("ok")
    assert stated == f"{sent} call{'s' if sent > 1 else ''}"
    if variants > 1:
        assert label(opened("10_Chat.py", chat=talk), "chat_send") == "Send · 2 calls"


def test_a_turn_below_which_nothing_is_asked_again_names_no_calls(database: Database) -> None:
    talk = conversations.create(database, "Talk", chat.to_json(Settings((ChatVariant(1, OK),))), [("system", "Kind.")])
    nodes = actions.on_screen(conversations.load(database, talk))
    assert log.calls_by_action(nodes, nodes[0], Settings((ChatVariant(1, OK),))) == {}
