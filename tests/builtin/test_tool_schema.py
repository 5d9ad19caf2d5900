"""Tools of the built-in model by a JSON schema: what is sent, and what its reply becomes."""

from __future__ import annotations

import json

import pytest

from promptgrid.builtin.tool_schema import CALL_ID, by_schema, with_calls
from promptgrid.endpoint import Reply, Request
from promptgrid.prompt import Message, Parameters, Tool, ToolCall

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (Tool("weather", "The weather of a city.", CITY), Tool("now"))
CALL = '{"name": "weather", "arguments": {"city": "Oslo"}}'


def asking(choice: str | None = None, *messages: Message) -> Request:
    turns = (Message("system", "Be brief."), Message("user", "Oslo?"), *messages)
    return Request("m", turns, parameters=Parameters(tool_choice=choice), tools=TOOLS)


def names(request: Request) -> list[str]:
    form = request.parameters.response_format or {"json_schema": {"schema": {"anyOf": []}}}
    return [branch["properties"]["name"]["const"] for branch in form["json_schema"]["schema"]["anyOf"]]


@pytest.mark.parametrize(
    ("choice", "branches"),
    [(None, ["weather", "now", "none"]), ("auto", ["weather", "now", "none"]), ("required", ["weather", "now"]),
     ("now", ["now"]), ("none", [])],
)  # fmt: skip
def test_the_schema_allows_what_the_tool_choice_allows(choice: str | None, branches: list[str]) -> None:
    sent = by_schema(asking(choice))
    assert names(sent) == branches
    assert sent.tools == ()
    assert ("The weather of a city." in sent.messages[0].text) == bool(branches)
    assert sent.messages[0].text.startswith("Be brief.")


def test_a_request_without_tools_is_sent_as_it_is() -> None:
    request = Request("m", (Message("user", "Hi"),))
    assert by_schema(request) is request
    assert with_calls(Reply(CALL), request) == Reply(CALL)


def test_the_json_of_a_reply_becomes_a_call_marked_as_made_by_a_schema() -> None:
    reply = with_calls(Reply(CALL, "stop"), asking())
    assert (reply.text, reply.finish_reason) == ("", "tool_calls")
    assert reply.tool_calls == (ToolCall(CALL_ID, "weather", '{"city": "Oslo"}'),)
    assert with_calls(Reply('{"name": "none", "text": "Hello"}', "stop"), asking()) == Reply("Hello", "stop")


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "5", '{"name": 5}', '{"name": "none"}', '{"name": "none", "te', "[" * 9]
)
def test_any_other_reply_stays_as_it_is(text: str) -> None:
    assert with_calls(Reply(text), asking()) == Reply(text)


def test_calls_and_their_results_are_told_in_the_roles_that_the_model_knows() -> None:
    called = Message("assistant", "", (ToolCall("1", "weather", '{"city": "Oslo"}'),))
    sent = by_schema(asking(None, called, Message("tool", "rain", tool_call_id="1")))
    assert [message.role for message in sent.messages] == ["system", "user", "assistant", "user"]
    assert json.loads(sent.messages[2].text) == json.loads(CALL)
    assert sent.messages[3].text == "The function returned: rain"
