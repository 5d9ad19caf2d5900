"""Counts against vectors and a server's own usage; what cannot be exact says why."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptgrid import builtin, connections, loop, tokens
from promptgrid.endpoint import Request
from promptgrid.errors import PlanError
from promptgrid.prompt import Message, Parameters, Tool, ToolCall
from promptgrid.runner import client
from promptgrid.store import Database
from promptgrid.tokens import ReportedUsage, corrected_counter, count, encodings
from promptgrid.tokens.cache import CountCache
from tests import talks
from tests.faults.server import HostileServer
from tests.running import a_plan

BUILTIN = connections.DEFAULT_MODEL
GPT = "openai/gpt-4o"
CHAT = [Message("system", "You label reviews."), Message("user", "It broke.")]


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count, "_memory", CountCache(count.REMEMBERED))
    monkeypatch.setattr(count, "_silent", {})
    monkeypatch.setattr(count, "_have_counted", set())
    count._part_length.cache_clear()


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No vocabulary here yet, none in memory, and no network to get one."""
    folder = tmp_path / "vocabularies"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    monkeypatch.setattr(encodings, "_ready", {})
    monkeypatch.setattr(encodings, "_missed", {})
    monkeypatch.setattr(encodings, "_few", {})
    monkeypatch.setattr(encodings, "_download", lambda vocabulary: None)
    return folder


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("cl100k_base", "hello world", [15339, 1917]),
        ("cl100k_base", "rer", [38149]),
        ("cl100k_base", "👍", [9468, 239, 235]),
    ],
)
def test_published_vectors_come_out(name: str, text: str, ids: list[int]) -> None:
    encoding = tokens.encoding(name)
    assert encoding is not None
    assert encoding.encode_ordinary(text) == ids


def test_the_first_offline_day_has_exact_counts(empty_cache: Path, openai: None) -> None:
    assert tokens.count_text("hello world", GPT) == tokens.Count(2, True)
    url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    seeded = empty_cache / hashlib.sha1(url.encode()).hexdigest()
    assert [path.name for path in empty_cache.iterdir()] == [seeded.name]
    assert hashlib.sha256(seeded.read_bytes()).hexdigest() == encodings.SHA256["o200k_base"]


def test_a_damaged_vocabulary_is_replaced(empty_cache: Path) -> None:
    url = encodings.URL.format("cl100k_base")
    path = empty_cache / hashlib.sha1(url.encode()).hexdigest()
    empty_cache.mkdir()
    path.write_bytes(b"aGVsbG8= 1\n")
    # not asked of tiktoken itself, which may hold the encoding in memory since an earlier test
    assert encodings._available("cl100k_base")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == encodings.SHA256["cl100k_base"]


def test_a_carrier_with_other_bytes_is_not_believed(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "bpe_openai"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "data" / "cl100k_base.tiktoken.gz").write_bytes(gzip.compress(b"aGVsbG8= 1\n"))
    spec = importlib.util.spec_from_file_location(
        "bpe_openai", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    assert tokens.encoding("cl100k_base") is None


def test_without_a_vocabulary_the_estimate_says_so(
    empty_cache: Path, openai: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    counted = tokens.count_text("x" * 10, GPT)
    assert (counted.tokens, counted.exact) == (3, False)
    assert "o200k_base" in counted.reason


def test_a_download_that_hangs_is_given_up_once(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    calls: list[str] = []

    def download(vocabulary: str) -> None:
        calls.append(vocabulary)
        never.wait(20)

    monkeypatch.setattr(encodings, "DEADLINE_S", 0.05)
    monkeypatch.setattr(encodings, "_download", download)
    started = time.monotonic()
    assert tokens.encoding("p50k_base") is None
    assert tokens.encoding("p50k_edit") is None
    never.set()
    assert time.monotonic() - started < 5
    assert calls == ["p50k_base"]


def test_an_unknown_encoding_is_none() -> None:
    assert tokens.encoding("voyage3_base") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("<|endoftext|>", 7),
        ("\ud800", 1),
        ("x\x00", 2),
        ("a" * 1_000_000, 125_000),
    ],
    ids=["empty", "special", "surrogate", "nul", "paste"],
)
def test_odd_text_is_counted_exactly(text: str, expected: int, openai: None) -> None:
    assert tokens.count_text(text, GPT) == tokens.Count(expected, True)


@pytest.mark.parametrize("space", [" ", "\n", " \t"])
def test_a_million_blanks_are_estimated_not_a_crash(space: str, openai: None) -> None:
    counted = tokens.count_text(space * (1_000_000 // len(space)), GPT)
    assert (counted.exact, counted.tokens) == (False, 250_000)
    assert "blanks" in counted.reason


def test_a_chat_for_openai_has_the_documented_overhead(openai: None) -> None:
    texts = sum(tokens.count_text(message.text, GPT).tokens for message in CHAT)
    roles = len(CHAT)
    assert tokens.count_messages(CHAT, GPT) == tokens.Count(texts + roles + 3 * len(CHAT) + 3, True)


def test_a_server_with_a_tokenizer_is_asked_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileServer(kind="llama.cpp") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        endpoint = connections.connect("openai")
        expected = loop.run_sync(endpoint.count_tokens("local", CHAT))
        requests = len(server.requests)
        first = tokens.count_messages(CHAT, "openai/local")
        assert first == tokens.Count(expected or -1, True)
        assert len(server.requests) > requests
        requests = len(server.requests)
        assert tokens.count_messages(CHAT, "openai/local") == first
        assert len(server.requests) == requests


def test_what_a_server_has_counted_is_known_while_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileServer(kind="llama.cpp") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        first = tokens.count_messages(CHAT, "openai/local")
        monkeypatch.setitem(count._silent, "openai", float("inf"))
        assert tokens.count_messages(CHAT, "openai/local") == first
        assert not tokens.count_messages(CHAT[:1], "openai/local").exact


def test_a_server_without_one_gives_an_estimate_with_its_name(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    counted = tokens.count_messages(CHAT, "openai/local")
    assert not counted.exact
    assert "openai reports no counts" in counted.reason
    assert counted.tokens > sum(len(message.text) for message in CHAT) / 4


def test_a_server_that_is_down_does_not_hold_up_typing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert not tokens.count_text("one", "openai/local").exact
    monkeypatch.setattr(count, "_within", lambda seconds, counting: pytest.fail("it was asked again"))
    assert not tokens.count_text("two", "openai/local").exact


def test_an_endpoint_that_is_not_configured_is_a_plan_error() -> None:
    with pytest.raises(PlanError, match="builtin"):
        tokens.count_text("x", "built-in/x")


def test_the_built_in_model_is_never_started_to_count(weights: Path) -> None:
    counted = tokens.count_text("Hello there", BUILTIN)
    assert (counted.tokens, counted.exact) == (3, False)
    assert "not running" in counted.reason
    assert not builtin.running()


def test_without_weights_the_estimate_says_so() -> None:
    assert "not on this machine" in tokens.count_text("Hello", BUILTIN).reason


def test_the_running_built_in_model_counts_as_its_usage_does(builtin_home: Path) -> None:
    builtin.ensure()
    messages = [*CHAT, Message("assistant", "negative"), Message("user", "Lone \ud800 and 雪")]
    request = Request(builtin.MODEL, tuple(count._clean(m) for m in messages), parameters=Parameters(max_tokens=1))
    reply = loop.run_sync(connections.connect("builtin").complete(request))[0]
    assert tokens.count_messages(messages, BUILTIN) == tokens.Count(reply.prompt_tokens or -1, True)


WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.mark.parametrize("seed", range(6))
def test_chats_for_the_built_in_model_count_as_it_reports(seed: int, builtin_home: Path) -> None:
    builtin.ensure()
    messages = talks.conversation(seed)
    tools = (Tool("weather", parameters=WEATHER["function"]["parameters"]),) if seed % 2 else ()
    request = Request(builtin.MODEL, tuple(messages), parameters=Parameters(max_tokens=16), tools=tools)
    reply = loop.run_sync(connections.connect("builtin").complete(request))[0]
    counted = tokens.count_request(request, tokens.counter(BUILTIN))
    assert counted == tokens.Count(reply.prompt_tokens or -1, True)


def test_a_server_writes_tools_into_the_prompt_and_so_does_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileServer(kind="llama.cpp") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        without = tokens.count_messages(CHAT, "openai/local")
        assert tokens.count_messages(CHAT, "openai/local", tools=[WEATHER]).tokens > without.tokens
        assert server.requests[-2].body["tools"] == [WEATHER]


def test_calls_of_tools_count_as_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = (
        [*CHAT, Message("assistant", "", (ToolCall("1", "weather", json.dumps({"city": city})),))]
        for city in ("Oslo", "a town by the sea " * 20)
    )
    assert tokens.estimate(long, "").tokens > tokens.estimate(short, "").tokens + 50
    with HostileServer(kind="llama.cpp") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        tokens.count_messages(short, "openai/local")
        requests = len(server.requests)
        tokens.count_messages(long, "openai/local")
        assert len(server.requests) > requests  # another prompt, though the texts are the same


def test_without_weights_the_tools_are_estimated_too() -> None:
    assert tokens.count_messages(CHAT, BUILTIN, tools=[WEATHER]).tokens > tokens.count_messages(CHAT, BUILTIN).tokens


def test_how_openai_writes_tools_is_not_known(openai: None) -> None:
    message_count = tokens.count_messages(CHAT, GPT, tools=[WEATHER])
    assert message_count.tokens > tokens.count_messages(CHAT, GPT).tokens
    assert (message_count.exact, "tools" in message_count.reason) == (False, True)


@pytest.mark.parametrize(("setting", "asked"), [("", False), ("tokenizer = true\n", True)])
def test_a_server_elsewhere_is_sent_no_text_to_count_unless_it_may(
    setting: str, asked: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptgrid.endpoint.settings.is_loopback", lambda url: False)
    (home / "config").mkdir(parents=True)
    with HostileServer(kind="llama.cpp") as server:
        (home / "config" / "endpoints.toml").write_text(f'[far]\nbase_url = "{server.url}"\n{setting}')
        counted = tokens.count_messages(CHAT, "far/local")
        assert (bool(server.requests), counted.exact) == (asked, asked)
        assert asked or "far is not asked to count (tokenizer in endpoints.toml)" in counted.reason
        client.preflight(Database(), replace(a_plan(), models=("far/local",)))
        assert {request.path for request in server.requests} <= ({"/apply-template", "/tokenize"} if asked else set())


SCHEMA = {"type": "json_schema", "json_schema": {"name": "label", "schema": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "gpt-4o-search-preview", "gpt-4o-mini-search-preview", "o3"])
def test_a_model_whose_chat_format_is_not_published_is_not_counted_exactly(model: str, openai: None) -> None:
    counted = tokens.count_messages([Message("user", "Hello!")], f"openai/{model}")
    assert (counted.tokens, counted.exact) == (9, False)
    assert counted.reason == f"The chat format of {model} is not published."
    assert tokens.count_text("Hello!", f"openai/{model}") == tokens.Count(2, True)  # the text alone has no format


def test_a_dated_or_tuned_model_with_the_published_format_is_counted_exactly(openai: None) -> None:
    for model in ("gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-3.5-turbo-0125", "ft:gpt-4o-2024-08-06:us::1"):
        assert tokens.count_messages([Message("user", "Hello!")], f"openai/{model}").exact


def test_a_schema_of_the_response_is_counted_and_not_exactly(openai: None) -> None:
    parameters = Parameters(response_format=SCHEMA)
    request = Request("gpt-4o", tuple(CHAT), parameters=parameters)
    counted, without = tokens.count_request(request, tokens.counter(GPT)), tokens.count_messages(CHAT, GPT)
    assert counted.tokens > without.tokens + 20
    assert (counted.exact, "response format" in counted.reason) == (False, True)
    plain = Request("gpt-4o", tuple(CHAT), parameters=Parameters(response_format={"type": "text"}))
    assert tokens.count_request(plain, tokens.counter(GPT)) == without


def usage(reported: int, *messages: Message, **more: object) -> ReportedUsage:
    sent = [{"role": message.role, "content": message.text} for message in messages]
    return ReportedUsage({"model": "m", "messages": sent, **more}, reported)


def test_a_count_is_corrected_by_what_replies_report_and_says_so(openai: None) -> None:
    hello = [Message("user", "Hello!")]
    corrected = corrected_counter("openai/gpt-5", [usage(8, *hello), usage(16, *CHAT)])
    assert corrected(hello).tokens == 8
    assert not corrected(hello).exact
    assert "Corrected by -1 tokens a call" in corrected(hello).reason
    counted = tokens.count_messages(CHAT, "openai/gpt-5").tokens
    assert corrected(CHAT).tokens == 16 != counted
    with_tools = corrected(hello, tools=[WEATHER])  # no reply had tools: what they take is still not known
    assert with_tools == tokens.count_messages(hello, "openai/gpt-5", tools=[WEATHER])


def test_a_schema_is_corrected_by_replies_with_the_same_schema(openai: None) -> None:
    corrected = corrected_counter(GPT, [usage(171, *CHAT, response_format=SCHEMA), usage(17, *CHAT)])
    assert corrected(CHAT, response_format=SCHEMA).tokens == 171
    assert corrected(CHAT) == tokens.count_messages(CHAT, GPT)
    assert corrected(CHAT).exact  # an exact count is not corrected


def test_an_estimate_is_corrected_in_proportion(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    short, long = [Message("user", "word " * 20)], [Message("user", "word " * 2000)]
    raw = tokens.counter("openai/local")
    corrected = corrected_counter("openai/local", [usage(raw(short).tokens // 2, *short)])
    assert corrected(long).tokens == pytest.approx(raw(long).tokens / 2, rel=0.05)
    assert "Corrected by -5" in corrected(long).reason


def test_tools_of_a_request_are_a_list_or_nothing() -> None:
    assert tokens.tools_of(Request("m", (), parameters=Parameters(extra_body={"tools": [WEATHER]}))) == [WEATHER]
    assert tokens.tools_of(Request("m", (), parameters=Parameters(extra_body={"tools": "odd"}))) == ()


def test_context_limits_are_the_models_own(openai: None) -> None:
    assert tokens.context_limit(BUILTIN) == builtin.CONTEXT == 8192
    assert tokens.context_limit(GPT) == 128_000
    assert tokens.context_limit("openai/nobody-knows-this") is None
