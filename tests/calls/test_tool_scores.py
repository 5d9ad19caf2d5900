"""Calls of tools are judged when a reply comes, when it is reused, and when a check is added later: of all steps of a
cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from promptgrid import api, connections
from promptgrid.endpoint import Reply, Request
from promptgrid.endpoint.scripted import ScriptedEndpoint
from promptgrid.prompt import Message, Prompt, Tool, ToolCall
from promptgrid.store import Database, plans
from promptgrid.store.results import result_rows
from tests.judging.rechecks import rechecked
from tests.running import a_run

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PROMPT = Prompt(
    "weather",
    (Message("user", "{{ q }}"),),
    tools=(Tool("get_weather", parameters=CITY), Tool("get_time")),
    tool_rounds=0,
)
PARIS = ToolCall("1", "get_weather", '{"city": "Paris"}')
CASES = [
    {"q": "weather", "expected": 'get_weather(city="Paris")'},
    {"q": "both", "expected": "get_time(); get_weather(city=regex('^P'))"},
    {"q": "talk", "expected": "none"},
    {"q": "wrong", "expected": "none"},
]
REPLIES = {
    "weather": (PARIS,),
    "both": (PARIS, ToolCall("2", "get_time", "")),
    "talk": (),
    "wrong": (ToolCall("1", "get_weather", "{}"),),
}


def replying(request: Request) -> Reply:
    calls = REPLIES[request.messages[0].text]
    return Reply("" if calls else "Hello.", "tool_calls" if calls else "stop", tool_calls=calls)


@pytest.fixture
def scripted(openai: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Request], Reply]], None]:
    def replaced(script: Callable[[Request], Reply]) -> None:
        endpoint = ScriptedEndpoint(script, name="openai")
        monkeypatch.setattr(connections, "connect", lambda name, *args, **kwargs: endpoint)

    return replaced


def scores(database: Database, run_id: str) -> dict[str, list[bool | None]]:
    """Whether each cell passed, by check, in the order of the cells."""
    passed: dict[str, list[bool | None]] = {}
    for row in result_rows(database, run_id):
        for check, score in row.scores.items():
            passed.setdefault(check, []).append(score.passed)
    return passed


def test_calls_are_judged_by_the_default_checks_of_a_prompt_with_tools(database: Database, scripted: Any) -> None:
    scripted(replying)
    plan = api.plan(PROMPT, CASES, models="openai/m")
    expected = {"tool-sequence": [True, True, True, False], "tool-schema": [True, True, None, False]}
    run_id = a_run(database, plan)
    assert scores(database, run_id) == expected
    assert scores(database, a_run(database, plan)) == expected  # every reply is reused
    assert plans.checks_in_order(database, run_id, sorted(expected)) == ["tool-sequence", "tool-schema"]


def test_a_check_of_calls_that_is_added_later_judges_the_stored_calls(database: Database, scripted: Any) -> None:
    scripted(replying)
    run_id = a_run(database, api.plan(PROMPT, CASES, models="openai/m", checks=["tool-schema"]))
    rechecked(
        database,
        run_id,
        "tool-called",
        "other=tool-called:name=get_time",
        "tool-args",
        "tool-args-of=tool-args:column=q",
    )
    passed = scores(database, run_id)
    assert passed["tool-called"] == [True, True, None, None]
    assert passed["other"] == [False, True, False, False]
    assert passed["tool-args"] == [True, True, None, None]
    assert passed["tool-args-of"] == [False, False, False, False]


def test_the_calls_of_all_steps_of_a_cell_are_judged_together(database: Database, scripted: Any) -> None:
    by_results = {0: (PARIS,), 1: (ToolCall("2", "get_time", ""),), 2: ()}

    def calling(request: Request) -> Reply:
        return Reply("text", tool_calls=by_results[sum(message.role == "tool" for message in request.messages)])

    scripted(calling)
    cases = [{"q": "a", "expected": 'get_weather(city="Paris"); get_time'}]
    plan = api.plan(replace(PROMPT, tool_rounds=2), cases, models="openai/m", checks=["tool-sequence"])
    run_id = a_run(database, plan)
    rechecked(database, run_id, "later=tool-sequence")
    assert scores(database, run_id) == {"tool-sequence": [True], "later": [True]}
