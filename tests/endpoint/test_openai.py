"""The adapter over real sockets against the hostile endpoint, and the scripted one."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.endpoint import Delta, Endpoint, EndpointSettings, OpenAIEndpoint, Reply, Request, ScriptedEndpoint
from promptgrid.endpoint.beams.endpoint import SearchingEndpoint
from promptgrid.endpoint.faults import quoted
from promptgrid.endpoint.headers import request_headers
from promptgrid.endpoint.limits import retry_after
from promptgrid.endpoint.refusals import response_error
from promptgrid.endpoint.replies import parsed, replies
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message, Parameters
from tests.endpoint.sockets import HELLO, Way, ask, both_ways, complete, failure, stream, with_endpoint
from tests.faults.modes import HOSTILE_TEXT, MODES
from tests.faults.server import HostileServer
from tests.places import CHECKOUT

KEY = "sk-very-secret-0123456789"


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def test_a_reply_carries_text_counts_and_what_was_sent(server: HostileServer) -> None:
    (reply,) = complete(server.url, ask("small", temperature=0.7, max_tokens=20, seed=3, stop=("END",)))
    assert (reply.text, reply.finish_reason, reply.model_returned) == ("You said: Hello there", "stop", "small")
    assert (reply.prompt_tokens, reply.completion_tokens) == (4, 4)
    assert reply.latency_ms > 0
    assert reply.sent == server.requests[-1].body
    assert server.requests[-1].body == {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello there"}],
        "temperature": 0.7,
        "max_tokens": 20,
        "seed": 3,
        "stop": ["END"],
    }


def test_a_body_is_the_same_whatever_was_asked_before() -> None:
    warm, cold = Parameters(temperature=1.0), Parameters(temperature=0.0, stop=("END",))
    texts = [(Message("user", text),) for text in ("a", "b")]
    requests = [
        Request(model, messages, api, parameters, token_parameter, n)
        for model in ("m", "other")
        for api in ("chat", "completion")
        for parameters in (warm, cold, replace(cold, max_tokens=9))
        for token_parameter in ("", "max_completion_tokens")
        for n in (1, 2)
        for messages in texts
    ]
    one = OpenAIEndpoint(EndpointSettings("x", "http://127.0.0.1:9/v1"))
    for request in [*requests, *reversed(requests), *requests[::3]]:
        assert one.wire(request) == OpenAIEndpoint(EndpointSettings("x", "http://127.0.0.1:9/v1")).wire(request)
        one.wire(request)["messages"] = "another's change"  # reaches no later body


def test_what_is_not_set_is_not_sent_and_zero_is(server: HostileServer) -> None:
    endpoint = OpenAIEndpoint(EndpointSettings("x", server.url))
    assert set(endpoint.wire(ask("m"))) == {"model", "messages"}
    assert endpoint.wire(ask("m", temperature=0.0))["temperature"] == 0.0


@pytest.mark.parametrize(
    ("url", "wanted", "setting", "expected"),
    [
        ("https://api.openai.com/v1", "", "", "max_completion_tokens"),
        ("https://us.api.openai.com/v1", "", "", "max_completion_tokens"),
        ("https://me.openai.azure.com/openai/v1", "", "", "max_completion_tokens"),
        ("https://api.openai.com/v1", "max_tokens", "", "max_tokens"),
        ("http://localhost:11434/v1", "", "", "max_tokens"),
        ("https://gateway.example/v1", "max_completion_tokens", "", "max_completion_tokens"),
        ("https://api.openai.com.evil.example/v1", "", "", "max_tokens"),
        ("https://gateway.example/v1", "max_completion_tokens", "max_tokens", "max_tokens"),
    ],
)
def test_the_token_parameter_follows_setting_model_and_host(url: str, wanted: str, setting: str, expected: str) -> None:
    endpoint = OpenAIEndpoint(EndpointSettings("x", url, token_parameter=setting))
    assert endpoint.wire(ask("m", max_tokens=9, token_parameter=wanted))[expected] == 9


def test_extra_body_adds_but_never_replaces() -> None:
    endpoint = OpenAIEndpoint(EndpointSettings("x", "http://localhost:1/v1"))
    body = endpoint.wire(ask("m", temperature=0.5, extra_body={"top_k": 40, "temperature": 2}))
    assert (body["top_k"], body["temperature"]) == (40, 0.5)
    with pytest.raises(EndpointError, match="stream") as caught:
        endpoint.wire(ask("m", extra_body={"stream": True}))
    assert caught.value.kind == "bad_request"


@pytest.mark.parametrize(
    ("extra", "named", "instead"),
    [
        ({"max_completion_tokens": 9000}, "max_completion_tokens", "max tokens"),
        ({"max_output_tokens": 9000, "num_predict": -1}, "max_output_tokens, num_predict", "max tokens"),
        ({"maxOutputTokens": 1}, "maxOutputTokens", "max tokens"),
        ({"options": {"num_predict": 9}}, "options.num_predict", "max tokens"),
        ({"n": 5}, "n", "samples"),
        ({"best_of": 20}, "best_of", "samples"),
        ({"n_cmpl": 2, "use_beam_search": True}, "n_cmpl, use_beam_search", "samples"),
    ],
)
def test_extra_body_neither_lengthens_nor_multiplies_replies(extra: dict[str, Any], named: str, instead: str) -> None:
    endpoint = OpenAIEndpoint(EndpointSettings("x", "http://127.0.0.1:9/v1"), slots=4)
    chat = ask("m", extra_body=extra)
    scored = replace(chat, messages=chat.messages[:1], api="completion", logprobs=1)  # of llama.cpp's own /completion
    for request in (chat, scored):
        with pytest.raises(EndpointError, match=f"may not set {re.escape(named)}\\.") as caught:
            endpoint.wire(request)
        assert instead in caught.value.hint


def test_a_tool_may_have_a_parameter_called_n() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"n": {"type": "integer"}}}}}]
    endpoint = OpenAIEndpoint(EndpointSettings("x", "http://127.0.0.1:9/v1"))
    assert endpoint.wire(ask("m", extra_body={"tools": tools}))["tools"] == tools


def test_a_plain_continuation_sends_the_text_alone(server: HostileServer) -> None:
    request = Request("base", (Message("user", "我今天真"),), "completion", Parameters(max_tokens=8))
    (reply,) = complete(server.url, request)
    assert server.requests[-1].path == "/v1/completions"
    assert server.requests[-1].body == {"model": "base", "prompt": "我今天真", "max_tokens": 8}
    assert reply.text == "You said: 我今天真"
    with pytest.raises(EndpointError, match="2 messages"):
        complete(server.url, Request(model="base", messages=HELLO, api="completion"))


def test_several_choices_share_the_usage_of_their_call(server: HostileServer) -> None:
    parsed_replies = complete(server.url, ask("small", n=3))
    assert [reply.text for reply in parsed_replies] == ["You said: Hello there"] * 3
    assert [reply.completion_tokens for reply in parsed_replies] == [4] * 3
    assert [reply.prompt_tokens for reply in parsed_replies] == [4] * 3


@both_ways
@pytest.mark.parametrize(
    ("model", "kind", "says"),
    [
        ("rate-limited", "rate_limited", "Rate limit reached"),
        ("server-error", "server", "had an error"),
        ("overloaded", "server", "Try again later"),
        ("unauthorized", "auth", "Incorrect API key"),
        ("forbidden", "auth", "may not use"),
        ("no-quota", "quota", "no money left"),
        ("unknown-model", "unknown_model", "'unknown-model'"),
        ("too-long", "too_long", "8192"),
        ("too-long-llama", "too_long", "exceeds"),
        ("html", "bad_reply", "web page"),
        ("no-choices", "bad_reply", "no choices"),
        ("odd-choices", "bad_reply", "no choices"),
        ("null-content", "bad_reply", "no text"),
        ("filtered", "no_answer", "filter"),
        ("bad-json", "bad_reply", "not valid JSON"),
        ("reset", "bad_reply", "openai"),
        ("hostile-error", "server", "overloaded"),
    ],
)
def test_each_fault_has_its_kind_and_a_sentence(
    server: HostileServer, model: str, kind: str, says: str, way: Way
) -> None:
    error = failure(server.url, ask(model), way)
    assert error.kind == kind
    assert says in error.message
    assert str(error).isprintable()
    assert server.calls(model) >= 1


OTHERS_SAY = [
    (404, {"message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}, "unknown_model", ""),
    (404, 'model "x" not found, try pulling it first', "unknown_model", ""),
    (400, {"message": "Model Not Exist", "code": "invalid_request_error"}, "unknown_model", ""),
    (400, {"message": "x is not a valid model ID", "code": 400}, "unknown_model", ""),
    (404, {"detail": "Not Found"}, "bad_request", ""),
    (402, {"message": "Insufficient Balance"}, "quota", ""),
    (429, {"message": "slow down", "code": "rate_limit_exceeded"}, "rate_limited", ""),
    (403, {"message": "no access to model", "code": "model_not_found"}, "unknown_model", ""),
    (400, {"message": "Invalid value: 'temperature' is 3", "code": None}, "refused_parameter", "temperature"),
    (400, {"message": "Unrecognized request argument supplied: seed"}, "refused_parameter", "seed"),
    (422, {"detail": [{"loc": ["body", "top_p"], "msg": "too big"}]}, "refused_parameter", "top_p"),
    (400, {"message": "no", "param": "verbosity", "code": "unsupported_parameter"}, "refused_parameter", "verbosity"),
    (400, {"message": "no", "param": "messages", "code": "invalid_value"}, "bad_request", ""),
    (400, {"message": "'max_tokens' is too large: the maximum context length is 4096 tokens"}, "too_long", ""),
    (413, "<html>too large</html>", "too_long", ""),
    (502, "<html>Bad gateway</html>", "server", ""),
    (400, None, "bad_request", ""),
    (400, ["odd"], "bad_request", ""),
    (400, {"message": {"nested": 1}, "code": {"a": 1}, "param": 7}, "bad_request", ""),
]


@pytest.mark.parametrize(("status", "body", "kind", "param"), OTHERS_SAY)
def test_what_other_servers_say_is_understood(status: int, body: object, kind: str, param: str) -> None:
    error = response_error(status, body, {}, EndpointSettings("gateway", "https://gateway.example/v1"), "x")
    assert (error.kind, error.param, error.status) == (kind, param, status)
    assert error.message.endswith(".")


FAULTS = ["rate-limited-ms", "unauthorized", "no-quota", "unknown-model", "too-long", "server-error", "bad-json"]


@pytest.mark.parametrize("model", FAULTS)
def test_both_ways_tell_the_same(server: HostileServer, model: str) -> None:
    posted, streamed = (failure(server.url, ask(model), way) for way in (complete, stream))
    for name in ("kind", "message", "hint", "status", "retry_after", "param", "raw"):
        assert getattr(posted, name) == getattr(streamed, name)


def test_nothing_is_retried_here(server: HostileServer) -> None:
    for model in ("server-error+ok", "rate-limited-ms+ok", "no-quota+ok"):
        before = server.calls(model)
        failure(server.url, ask(model))
        assert server.calls(model) == before + 1


def test_a_bad_answer_keeps_its_raw_text_cut(server: HostileServer) -> None:
    assert failure(server.url, ask("html")).raw.startswith("<!DOCTYPE html>")
    assert "/v1" in failure(server.url, ask("html")).hint
    assert failure(server.url, ask("bad-json")).raw == '{"choices": [{"message": {"content": "hal'
    assert len(failure(server.url, Request("null-content", (Message("user", "x"),), n=500)).raw) <= 2000


@both_ways
def test_refused_temperature_is_named_and_a_default_one_passes(server: HostileServer, way: Way) -> None:
    error = failure(server.url, ask("refuses-temperature", temperature=0.3), way)
    assert (error.kind, error.param, error.status) == ("refused_parameter", "temperature", 400)
    assert complete(server.url, ask("refuses-temperature"))[0].text


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [("rate-limited-seconds", 1, 1), ("rate-limited-ms", 0.05, 0.05), ("rate-limited-date", 3, 4)],
)
def test_retry_after_is_in_seconds(server: HostileServer, model: str, low: float, high: float) -> None:
    seconds = failure(server.url, ask(model)).retry_after
    assert seconds is not None
    assert low <= seconds <= high


@pytest.mark.parametrize(
    ("value", "expected"), [("-3", 0.0), ("nan", None), ("inf", None), ("soon", None), ("", None), ("1e400", None)]
)
def test_an_odd_retry_after_is_no_trap(value: str, expected: float | None) -> None:
    assert retry_after({"retry-after": value}) == expected


def test_reasoning_refusals_and_parts_are_read(server: HostileServer) -> None:
    (reply,) = complete(server.url, ask("reasoning"))
    assert (reply.text, reply.reasoning) == ("42", "Six times seven.")
    (reply,) = complete(server.url, ask("refusal"))
    assert (reply.text, reply.finish_reason) == ("I cannot help with that.", "refusal")
    assert complete(server.url, ask("content-parts"))[0].text == "one two"


@pytest.mark.parametrize("model", ["no-usage", "wrong-usage"])
def test_counts_that_are_no_counts_are_unknown(server: HostileServer, model: str) -> None:
    (reply,) = complete(server.url, ask(model))
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (None, None, None)
    assert reply.text == "You said: Hello there"


def test_hostile_text_arrives_as_it_is(server: HostileServer) -> None:
    assert complete(server.url, ask("hostile-text"))[0].text == HOSTILE_TEXT
    assert stream(server.url, ask("hostile-text"))[-1].reply.text == HOSTILE_TEXT  # type: ignore[union-attr]
    assert len(complete(server.url, ask("long-text"))[0].text) > 100_000


WORDS = ["choices", "message", "content", "text", "finish_reason", "usage", "refusal", "reasoning_content", "model"]
WORDS += ["prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "error", "type"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NESTED = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner), max_leaves=20
)
ANSWERS = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"message": NESTED}) | NESTED, max_size=3) | NESTED, "usage": NESTED}
)


@settings(max_examples=150, deadline=None)
@given(answer=NESTED | ANSWERS, n=st.integers(1, 3))
def test_any_json_is_a_reply_or_an_endpoint_error(answer: Any, n: int) -> None:
    try:
        parsed_replies = replies(parsed(json.dumps(answer)), n, "")
    except EndpointError:
        return
    assert 1 <= len(parsed_replies) <= n
    for reply in parsed_replies:
        assert all(isinstance(text, str) for text in (reply.text, reply.reasoning, reply.finish_reason))
        assert all(c is None or c >= 0 for c in (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens))


@pytest.mark.parametrize("text", ["", "[" * 100_000, "1" * 5000, "null", '{"choices": [1]}', "\x00"])
def test_odd_bodies_are_bad_replies(text: str) -> None:
    with pytest.raises(EndpointError) as caught:
        replies(parsed(text), 1, text)
    assert caught.value.kind == "bad_reply"


@both_ways
def test_the_key_is_never_told(server: HostileServer, way: Way, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(EndpointError) as caught:
        way(server.url, ask("unauthorized"), api_key=KEY, key_env="OPENAI_API_KEY")
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    error = caught.value
    texts = "".join(traceback.format_exception(error)) + error.raw + error.hint + caplog.text
    assert KEY not in texts
    assert "[key]" in error.message
    assert "OPENAI_API_KEY" in error.hint
    secret = EndpointSettings("x", server.url, api_key=KEY, headers={"X-Team": KEY})
    assert KEY not in repr(secret) + repr(OpenAIEndpoint(secret))


@both_ways
def test_a_missing_key_is_told_before_anything_is_sent(server: HostileServer, way: Way) -> None:
    before = len(server.requests)
    error = failure(server.url, ask("ok"), way, key_env="MY_KEY")
    assert error.kind == "auth"
    assert "MY_KEY" in error.message
    assert failure(server.url, ask("ok"), way, key_env="MY_KEY", api_key="“sk-1”").kind == "auth"
    assert len(server.requests) == before


@both_ways
def test_the_organisation_is_told_to_openai_only(
    server: HostileServer, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-mine")
    sent = request_headers(EndpointSettings("openai", "https://api.openai.com/v1", api_key=KEY))
    assert (sent["OpenAI-Organization"], sent["OpenAI-Project"]) == ("org-mine", "project-mine")
    way(server.url, ask("ok"), headers={"X-Team": "prompts"})
    headers = server.requests[-1].headers
    assert not [value for value in headers.values() if "mine" in value]
    assert headers["x-team"] == "prompts"


@both_ways
def test_a_server_that_is_not_there_is_a_connection_error(way: Way) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    error = failure(url, ask("m"), way)
    assert error.kind == "connection"
    assert url in error.message
    assert "running" in error.hint
    assert error.retryable


@both_ways
def test_a_proxy_is_used_but_not_to_reach_this_machine(
    server: HostileServer, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, server.root)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert failure("http://models.example/v1", ask("ok"), way).status == 404  # the hostile endpoint is no proxy
    with HostileServer() as other:
        assert way(other.url, ask("ok"))
        assert len(other.requests) == 1


@both_ways
def test_a_base_url_without_v1_is_guessed(server: HostileServer, way: Way) -> None:
    error = failure(server.root, ask("ok"), way)
    assert (error.kind, error.status) == ("bad_request", 404)
    assert "/v1" in error.hint


@both_ways
def test_a_key_that_a_web_page_refuses_casts_doubt_on_the_address_first(server: HostileServer, way: Way) -> None:
    error = failure(server.url, ask("sign-in"), way)
    assert (error.kind, error.status) == ("auth", 401)
    assert "sent a web page instead of JSON (401)" in error.message
    assert error.hint.startswith(f"Check the base URL {server.url}: it usually ends in /v1. Then the key: ")
    assert "OPENAI_API_KEY" in error.hint


@both_ways
def test_an_unknown_model_is_answered_with_those_served(server: HostileServer, way: Way) -> None:
    error = failure(server.url, ask("unknown-model"), way)
    assert error.stops_endpoint
    assert "Did you mean unknown-model?" in error.hint
    assert "Served are" in error.hint


@pytest.mark.parametrize("model", ["hang", "trickle"])
def test_a_server_that_never_finishes_times_out(server: HostileServer, model: str) -> None:
    started = time.monotonic()
    error = failure(server.url, ask(model), timeout_s=0.3)
    assert error.kind == "timeout"
    assert time.monotonic() - started < 15


def test_a_hanging_stream_times_out(server: HostileServer) -> None:
    with pytest.raises(EndpointError) as caught:
        stream(server.url, ask("hang"), timeout_s=0.3)
    assert caught.value.kind == "timeout"


def test_a_call_that_is_cancelled_hangs_up(server: HostileServer) -> None:
    async def cancel(endpoint: OpenAIEndpoint) -> None:
        before = server.calls("hang")
        task = asyncio.create_task(endpoint.complete(ask("hang")))
        while server.calls("hang") == before:
            await asyncio.sleep(0.01)
        hung_up = server.hung_up
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(3):
            while server.hung_up == hung_up:
                await asyncio.sleep(0.01)

    with_endpoint(server.url, cancel, timeout_s=60.0)


@both_ways
def test_half_a_character_cannot_be_sent(server: HostileServer, way: Way) -> None:
    request = Request("ok", (Message("user", "cut \ud83d here"),))
    assert failure(server.url, request, way).kind == "bad_request"


def test_a_stream_brings_pieces_then_the_whole_reply(server: HostileServer) -> None:
    *pieces, last = stream(server.url, ask("small", max_tokens=3))
    assert [piece.text for piece in pieces] == ["You ", "said: ", "Hello"]
    assert last.reply is not None
    assert (last.reply.text, last.reply.finish_reason) == ("You said: Hello", "length")
    assert (last.reply.prompt_tokens, last.reply.completion_tokens) == (4, 3)
    assert last.reply.first_token_ms is not None
    assert 0 < last.reply.first_token_ms <= last.reply.latency_ms
    assert last.reply.sent == server.requests[-1].body
    assert server.requests[-1].body["stream_options"] == {"include_usage": True}


FIRST_STREAM = """
import asyncio, sys, time
from promptgrid.endpoint import EndpointSettings, OpenAIEndpoint, openai
from tests.endpoint.sockets import ask

sdk = lambda: {name for name in sys.modules if name.split(".")[0] in ("openai", "httpx2", "httpcore2")}
started = []

class Clock:
    @staticmethod
    def perf_counter():
        started.append(sdk())
        return time.perf_counter()

openai.time = Clock

async def main():
    async for _ in OpenAIEndpoint(EndpointSettings("x", sys.argv[1])).stream(ask("small")):
        pass

asyncio.run(main())
print(sorted(sdk() - started[0]))
"""


def test_the_time_of_a_first_stream_begins_when_all_of_the_sdk_is_imported(server: HostileServer) -> None:
    command = [sys.executable, "-c", FIRST_STREAM, server.url]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=True)
    assert ended.stdout == "[]\n"


def test_a_plain_continuation_streams_too(server: HostileServer) -> None:
    request = Request(model="base", messages=(Message("user", "Once"),), api="completion")
    deltas = stream(server.url, request)
    assert "".join(delta.text for delta in deltas) == "You said: Once"


def test_a_server_that_does_not_stream_gives_one_piece(server: HostileServer) -> None:
    (delta,) = stream(server.url, ask("whole-body"))
    assert delta.text == "You said: Hello there"
    assert delta.reply is not None
    assert delta.reply.completion_tokens == 4


@pytest.mark.parametrize(
    ("model", "kind", "start"),
    [
        ("half-stream", "bad_reply", "You said: "),
        ("bad-event", "bad_reply", "You "),
        ("stream-error", "server", "You "),
        ("html", "bad_reply", "<!DOCTYPE"),
        ("reset", "bad_reply", "You said: "),
        ("rate-limited", "rate_limited", "Rate limit"),
        ("bad-json", "bad_reply", "hal"),
    ],
)
def test_a_broken_stream_keeps_what_had_come(server: HostileServer, model: str, kind: str, start: str) -> None:
    with pytest.raises(EndpointError) as caught:
        stream(server.url, ask(model))
    assert caught.value.kind == kind
    assert start in caught.value.raw


def test_a_stream_that_is_closed_early_leaves_the_endpoint_usable(server: HostileServer) -> None:
    async def close_early(endpoint: OpenAIEndpoint) -> str:
        deltas: AsyncIterator[Delta] = endpoint.stream(ask("slow-stream"))
        first = await anext(deltas)
        await deltas.aclose()  # type: ignore[attr-defined]
        return first.text + (await endpoint.complete(ask("ok")))[0].text

    assert with_endpoint(server.url, close_early) == "You You said: Hello there"


def test_one_endpoint_serves_one_event_loop_after_another(server: HostileServer) -> None:
    endpoint = OpenAIEndpoint(EndpointSettings("x", server.url))

    async def once() -> str:
        try:
            return (await endpoint.complete(ask("ok")))[0].text
        finally:
            await endpoint.aclose()

    assert asyncio.run(once()) == asyncio.run(once()) == "You said: Hello there"


def test_models_are_listed_by_name(server: HostileServer) -> None:
    assert with_endpoint(server.url, lambda endpoint: endpoint.models()) == sorted(MODES)


def test_models_of_the_settings_stand_in_where_none_are_listed(server: HostileServer) -> None:
    def listed(**options: Any) -> list[str]:
        return with_endpoint(server.root, lambda endpoint: endpoint.models(), **options)

    assert listed(models=("mine",)) == ["mine"]
    with pytest.raises(EndpointError):
        listed()


@pytest.mark.parametrize(("kind", "chat", "plain"), [("llama.cpp", 6, 2), ("vllm", 6, 2), ("plain", None, None)])
def test_tokens_are_counted_by_a_server_that_can(kind: str, chat: int | None, plain: int | None) -> None:
    async def count(endpoint: OpenAIEndpoint) -> tuple[int | None, int | None, int | None]:
        first = await endpoint.count_tokens("m", HELLO)
        text = await endpoint.count_tokens("m", (Message("user", "Once upon"),), "completion")
        return first, text, await endpoint.count_tokens("m", HELLO)

    with HostileServer(kind=kind) as server:
        assert with_endpoint(server.url, count) == (chat, plain, chat)
        if kind == "plain":  # each way is tried once
            assert [request.path for request in server.requests] == ["/apply-template", "/tokenize"]


def test_openai_itself_is_never_asked_to_count() -> None:
    endpoint = OpenAIEndpoint(EndpointSettings("openai", "https://api.openai.com/v1", api_key=KEY))
    assert asyncio.run(endpoint.count_tokens("gpt-4o", HELLO)) is None


def test_foreign_sentences_are_made_harmless_for_a_terminal() -> None:
    assert quoted("a\x1b[31m\n\tb\u202e\x00") == "a [31m b"
    assert quoted("<!DOCTYPE html><html>") == "a web page"
    assert len(quoted("x" * 10_000)) < 400


def test_both_endpoints_keep_the_protocol() -> None:
    endpoints: list[Endpoint] = [SearchingEndpoint(EndpointSettings("x", "http://localhost:1/v1")), ScriptedEndpoint()]
    request = ask("m", temperature=1, max_tokens=5)
    assert endpoints[0].wire(request) == endpoints[1].wire(request)
    assert [endpoint.max_n for endpoint in endpoints] == [1, 8]
    assert [endpoint.parallel_repeats for endpoint in endpoints] == [True, True]
    asyncio.run(endpoints[1].prepare())


def test_the_scripted_endpoint_replies_in_order_and_remembers() -> None:
    endpoint = ScriptedEndpoint(["one two three", EndpointError("server", "down"), Reply("ready")])
    first = asyncio.run(endpoint.complete(ask("m", max_tokens=2)))
    assert (first[0].text, first[0].finish_reason, first[0].completion_tokens) == ("one two ", "length", 2)
    with pytest.raises(EndpointError, match="down"):
        asyncio.run(endpoint.complete(ask("m")))
    both = asyncio.run(endpoint.complete(ask("m", n=2)))
    assert [reply.text for reply in both] == ["ready", "one two three"]
    assert [request.n for request in endpoint.history] == [1, 1, 2]


def test_the_scripted_endpoint_can_be_a_function_and_streams_by_words() -> None:
    endpoint = ScriptedEndpoint(lambda request: f"t = {request.parameters.temperature}")

    async def collect() -> list[Delta]:
        return [delta async for delta in endpoint.stream(ask("m", temperature=0.5))]

    *pieces, last = asyncio.run(collect())
    assert [piece.text for piece in pieces] == ["t ", "= ", "0.5"]
    assert last.reply is not None
    assert last.reply.text == "t = 0.5"


def test_importing_the_endpoints_loads_no_slow_library() -> None:
    code = "import promptgrid.endpoint, promptgrid.models, sys; print({'openai', 'genai_prices'} & set(sys.modules))"
    root = CHECKOUT
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True).stdout == "set()\n"


def test_the_hostile_endpoint_runs_as_a_process() -> None:
    command = [sys.executable, "-m", "tests.faults.server", "--port", "0"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", url)
            assert complete(url, ask("ok"))[0].text == "You said: Hello there"
        finally:
            process.terminate()
