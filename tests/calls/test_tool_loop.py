"""The loop of a prompt with tools, over real sockets: calls, mock results, the bound, and what goes wrong."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from promptgrid import api, connections
from promptgrid.endpoint import Reply, Request
from promptgrid.endpoint.replies import replies
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message, MockResult, Parameters, Prompt, Tool, ToolCall
from promptgrid.prompt.tools import calls_from
from promptgrid.prompt.tools.protocol import MOST_CALLS, CallDeltas, read_calls
from promptgrid.runner import client
from promptgrid.store import Database
from promptgrid.store.results import result_rows
from promptgrid.store.steps import steps_of
from promptgrid.techniques import TECHNIQUES, most_calls, unavailable
from tests.faults.server import HostileServer
from tests.running import a_run

KEY = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
LOOKUP = Tool(
    "lookup", "Looks a word up.", KEY, (MockResult("4", when={"key": "two and two"}), MockResult(column="fact"))
)
PROMPT = Prompt("ask", (Message("user", "{{ q }}"),), tools=(LOOKUP,))
CASES = [{"q": "two and two", "expected": "4"}, {"q": "sky", "fact": "blue", "expected": "blue"}]
ONE_CALL = ("zero-shot", "chain-of-thought", "plan-and-solve", "chain-of-draft", "self-consistency")


def sent(endpoint: HostileServer) -> list[Any]:
    """The bodies of the requests for replies, in order."""
    return [entry.body for entry in endpoint.requests if entry.number]


def ran(database: Database, model: str, prompt: Prompt = PROMPT, cases: Any = CASES, **settings: Any) -> list[Any]:
    run_id = a_run(database, api.plan(prompt, cases, models=f"openai/{model}", checks=["exact"], **settings))
    return list(result_rows(database, run_id))


def test_a_model_that_knows_nothing_solves_the_cases_by_tools_alone(
    database: Database, endpoint: HostileServer
) -> None:
    assert [row.output for row in ran(database, "tools", prompt=replace(PROMPT, tools=()))] == ["I do not know."] * 2
    rows = ran(database, "tools")
    assert [row.output for row in rows] == ["4", "blue"]
    assert [row.scores["exact"].passed for row in rows] == [True, True]
    asked, answered = [body for body in sent(endpoint) if body["messages"][0]["content"] == "sky"][-2:]
    assert (
        asked["tools"]
        == answered["tools"]
        == [{"type": "function", "function": {"name": "lookup", "description": "Looks a word up.", "parameters": KEY}}]
    )
    called = {"id": "call-1", "type": "function", "function": {"name": "lookup", "arguments": '{"key": "sky"}'}}
    assert answered["messages"][1:] == [
        {"role": "assistant", "content": "", "tool_calls": [called]},
        {"role": "tool", "content": "blue", "tool_call_id": "call-1"},
    ]


@pytest.mark.parametrize("technique", ONE_CALL)
def test_techniques_of_one_call_go_with_tools_and_the_bound_counts_their_calls(technique: str) -> None:
    assert unavailable(PROMPT, technique) == ""
    assert most_calls(PROMPT, technique) == 6
    assert most_calls(replace(PROMPT, tool_rounds=0), technique) == 1


def test_techniques_of_several_calls_say_that_they_do_not_go_with_tools() -> None:
    others = [name for name in TECHNIQUES if name not in ONE_CALL and "few-shot" not in name]
    assert others
    assert all("go with techniques of one call" in unavailable(PROMPT, name) for name in others)


def test_every_call_is_stored_as_a_step_and_reused(database: Database, endpoint: HostileServer) -> None:
    plan = api.plan(PROMPT, CASES[:1], models="openai/tools", checks=["exact"])
    assert client.preflight(database, plan).total.calls == 6
    run_id = a_run(database, plan)
    steps = steps_of(database, run_id, 0)
    assert [step.step for step in steps] == ["answer", "after call 1"]
    assert calls_from(steps[0].tool_calls) == (ToolCall("call-1", "lookup", '{"key": "two and two"}'),)
    a_run(database, plan)
    assert len(sent(endpoint)) == 2


def test_an_endless_loop_ends_at_the_bound_and_says_so(database: Database, endpoint: HostileServer) -> None:
    (row,) = ran(database, "tools-endless", replace(PROMPT, tool_rounds=3), [{"q": "a", "fact": "b", "expected": "c"}])
    assert len(sent(endpoint)) == 4
    assert row.status == "answered"
    assert "the model still calls tools after 3 rounds, the most that are made" in row.answer_note


def test_with_no_rounds_the_calls_are_the_reply(database: Database, endpoint: HostileServer) -> None:
    (row,) = ran(database, "tools", replace(PROMPT, tool_rounds=0), CASES[:1])
    assert (row.status, row.output, row.finish_reason) == ("answered", "", "tool_calls")
    assert len(sent(endpoint)) == 1


def test_calls_that_cannot_be_carried_out_are_told_to_the_model_and_noted(
    database: Database, endpoint: HostileServer
) -> None:
    (row,) = ran(database, "tools-odd", cases=CASES[:1])
    assert row.output == (
        "Error: the arguments {key: 1 are not JSON (Expecting property name enclosed in double quotes: line 1 c…). | "
        "Error: there is no tool 'launch'. The tools are lookup."
    )
    assert "lookup: arguments that are no JSON object" in row.answer_note
    assert "launch: unknown tool" in row.answer_note
    history = sent(endpoint)[-1]["messages"]
    assert history[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_second_call_where_one_is_allowed_is_not_carried_out(database: Database, endpoint: HostileServer) -> None:
    (row,) = ran(database, "tools-odd", cases=CASES[:1], parallel_tool_calls="no")
    assert sent(endpoint)[-1]["parallel_tool_calls"] is False
    assert row.output.endswith("Error: call one tool at a time. This call was not carried out.")
    assert "launch: a second call where one is allowed" in row.answer_note


def test_a_call_without_a_result_says_so(database: Database, endpoint: HostileServer) -> None:
    (row,) = ran(database, "tools", cases=[{"q": "sea", "fact": "", "expected": "c"}])
    assert row.output == "Error: no result."
    assert "no mock result fits the call" in row.answer_note


def test_tool_choice_is_an_axis_and_a_required_call_is_required_once(
    database: Database, endpoint: HostileServer
) -> None:
    rows = ran(database, "tools", cases=CASES[:1], tool_choices=["none", "required", "lookup"])
    assert [row.parameters["tool_choice"] for row in rows] == ["none", "required", "lookup"]
    assert [row.output for row in rows] == ["I do not know.", "4", "4"]
    choices = [body["tool_choice"] for body in sent(endpoint)]
    named = {"type": "function", "function": {"name": "lookup"}}
    assert sorted(map(str, choices)) == sorted(map(str, ["none", "required", named, "auto"]))  # the second is shared


def test_a_prompt_without_tools_is_sent_no_tool_choice_and_the_choices_are_merged(
    database: Database, endpoint: HostileServer
) -> None:
    plain = replace(PROMPT, tools=())
    (row,) = ran(database, "ok", plain, CASES[:1], tool_choices=["auto", "required"])
    assert "tool_choice" not in sent(endpoint)[0]
    assert "the prompt has no tools" in row.parameter_note
    (row,) = ran(database, "ok", PROMPT, CASES[:1], tool_choice="other")
    assert "the prompt has no tool other" in row.parameter_note


def test_a_stream_brings_the_same_calls_as_a_whole_reply(endpoint: HostileServer) -> None:
    request = Request("tools", (Message("user", "sky"),), tools=(LOOKUP,))

    async def both() -> tuple[Reply, Reply]:
        connected = connections.connect("openai")
        (whole,) = await connected.complete(request)
        deltas = [delta async for delta in connected.stream(request)]
        assert deltas[-1].reply is not None
        await connected.aclose()
        return whole, deltas[-1].reply

    whole, streamed = asyncio.run(both())
    assert whole.tool_calls == streamed.tool_calls == (ToolCall("call-1", "lookup", '{"key": "sky"}'),)
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"


HOSTILE: list[Any] = [
    None, 5, "x", [], {}, [None], [5, "x", []], [{}], [{"function": None}], [{"function": {"name": 5, "arguments": 7}}],
    [{"id": {}, "function": {"name": None, "arguments": [1, {"a": float("inf")}]}}], [{"index": "x", "id": "a"}],
    [{"index": -1}, {"index": 10**30}], [{"function": {"name": "\ud800", "arguments": "\x00"}}],
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_calls_never_raise(value: Any) -> None:
    deltas = CallDeltas()
    deltas.add(value)
    for message in ({"tool_calls": value}, {"function_call": value}, {"tool_calls": deltas.body()}):
        assert all(type(call.name) is type(call.arguments) is str for call in read_calls(message))
    body = {"choices": [{"message": {"content": None, "tool_calls": value}, "finish_reason": "tool_calls"}]}
    with suppress(EndpointError):
        replies(body, 1, "", sent={"tools": [{}]})


def test_only_so_many_calls_of_a_reply_are_read() -> None:
    many = [{"id": str(number), "function": {"name": "f", "arguments": "{}"}} for number in range(10_000)]
    assert len(read_calls({"tool_calls": many})) == MOST_CALLS
    deltas = CallDeltas()
    deltas.add(many)
    assert len(deltas.calls) == MOST_CALLS


def test_several_calls_in_a_stream_with_one_index_stay_apart() -> None:
    deltas = CallDeltas()
    deltas.add([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}])
    deltas.add([{"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}])
    deltas.add([{"id": "c", "function": {"name": "h", "arguments": "{"}}])
    deltas.add([{"function": {"arguments": "}"}}])
    assert [call.name + call.arguments for call in read_calls({"tool_calls": deltas.body()})] == ["f{}", "g{}", "h{}"]


def test_tools_count_as_tokens_of_the_prompt(openai: None) -> None:
    from promptgrid.tokens import count_request, counter

    count = counter("openai/gpt-4o")
    with_tools = count_request(Request("gpt-4o", (Message("user", "Hi"),), tools=(LOOKUP,)), count)
    without = count_request(Request("gpt-4o", (Message("user", "Hi"),)), count)
    assert with_tools.tokens > without.tokens + 20
    assert "tools" in with_tools.reason
    assert not with_tools.exact


def test_the_highest_cost_has_the_results_of_the_tools(database: Database, openai: None) -> None:
    def ceiling(result: MockResult) -> float:
        prompt = replace(PROMPT, tools=(replace(LOOKUP, results=(result,)),), tool_rounds=2)
        cases = [{"q": "sky", "fact": "blue " * 400}]
        sheet = client.preflight(database, api.plan(prompt, cases, models="openai/gpt-4o-mini", max_tokens=50))
        return sheet.total.cost_ceiling or 0.0

    nothing, fixed, column = map(ceiling, (MockResult(""), MockResult("red " * 500), MockResult(column="fact")))
    million_tokens = 0.15  # dollars
    # the first result stands in two further prompts, the second in one
    assert fixed - nothing == pytest.approx(3 * 1000 * million_tokens / 1e6)
    assert column == pytest.approx(fixed, abs=3 * million_tokens / 1e6)


def test_parameters_of_tools_have_words() -> None:
    assert Parameters(tool_choice="auto").as_json() == {"tool_choice": "auto"}
    with pytest.raises(Exception, match="yes or no"):
        Parameters(parallel_tool_calls="maybe").check()


def test_tools_that_a_model_refuses_are_refused_once_and_later_plans_know(
    database: Database, endpoint: HostileServer
) -> None:
    plan = api.plan(PROMPT, CASES, models="openai/tools-refused", checks=["exact"], concurrency=1)
    rows = list(result_rows(database, a_run(database, plan)))
    assert [row.status for row in rows] == ["refused"] * 2
    assert all("refuses tools" in row.error for row in rows)
    assert len(sent(endpoint)) == 1
    (skipped,) = client.preflight(database, plan).skipped
    assert skipped.technique == "tools by openai/tools-refused"
    assert "refused tools on" in skipped.reason


def test_tools_that_llama_cpp_would_ignore_are_not_sent_and_later_plans_know(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HostileServer(kind="llama.cpp") as server:
        server.slots, server.takes_tools = 2, False
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        plan = api.plan(PROMPT, CASES, models="openai/tools", checks=["exact"])
        rows = list(result_rows(database, a_run(database, plan)))
        assert [row.status for row in rows] == ["refused"] * 2
        assert all("takes no tools" in row.error for row in rows)
        assert sent(server) == []
        (skipped,) = client.preflight(database, plan).skipped
        assert "takes no tools" in skipped.reason


def test_a_required_call_that_does_not_come_is_said(database: Database, endpoint: HostileServer) -> None:
    (row,) = ran(database, "tools-ignored", cases=CASES[:1], tool_choice="required")
    assert row.output == "I do not know."
    assert "the tool choice required was not honoured" in row.answer_note


def test_the_results_file_has_the_calls_of_all_steps(database: Database, endpoint: HostileServer) -> None:
    (looped,) = ran(database, "tools", cases=CASES[:1])
    (single,) = ran(database, "tools", replace(PROMPT, tool_rounds=0), CASES[:1])
    (plain,) = ran(database, "ok", replace(PROMPT, tools=()), CASES[:1])
    expected = (ToolCall("call-1", "lookup", '{"key": "two and two"}'),)
    assert calls_from(looped.tool_calls_json) == calls_from(single.tool_calls_json) == expected
    assert plain.tool_calls_json is None
    assert '"tool_calls": [{"id": "call-1"' in (looped.steps_json or "")
