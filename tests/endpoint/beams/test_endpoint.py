"""Beam search by an endpoint: a request a step on llama.cpp, vLLM's own search, and a reason everywhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.endpoint import EndpointSettings, Reply, Request
from promptgrid.endpoint.base import Beam, TokenChance
from promptgrid.endpoint.beams import llama_cpp
from promptgrid.endpoint.beams.endpoint import SearchingEndpoint
from promptgrid.endpoint.beams.search import Search, search_settings
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message, Parameters
from tests.faults.server import HostileServer

LIKELY: list[dict[str, Any]] = [
    {"id": 5, "token": " a", "bytes": [32, 97], "logprob": -0.5},
    {"id": 6, "token": " b", "bytes": [32, 98], "logprob": -1.0},
    {"id": 2, "token": "", "bytes": [], "logprob": -2.0},
]


@pytest.fixture(scope="module")
def vllm() -> Iterator[HostileServer]:
    with HostileServer(kind="vllm") as server:
        yield server


def request(model: str = "ok", **parameters: Any) -> Request:
    return Request(model, (Message("user", "Say hi."),), parameters=Parameters(**{"max_tokens": 8, **parameters}))


def answered(server: HostileServer, asked: Request) -> Reply:
    async def call() -> list[Reply]:
        endpoint = SearchingEndpoint(EndpointSettings("x", server.url))
        try:
            return await endpoint.complete(asked)
        finally:
            await endpoint.aclose()

    (reply,) = asyncio.run(call())
    return reply


def problem(url: str, asked: Request) -> str:
    async def call() -> str:
        endpoint = SearchingEndpoint(EndpointSettings("x", url))
        try:
            return await endpoint.search_problem(asked)
        finally:
            await endpoint.aclose()

    return asyncio.run(call())


def test_vllm_is_asked_by_its_own_fields_and_its_choices_are_the_beams(vllm: HostileServer) -> None:
    vllm.answer = lambda body: "hi there"
    reply = answered(vllm, request(beams=3, length_penalty=0.0))
    sent = vllm.requests[-1].body
    assert (sent["use_beam_search"], sent["n"], sent["length_penalty"], sent["logprobs"]) == (True, 3, 0.0, True)
    assert sent["temperature"] == 1
    assert "beams" not in sent
    assert reply.text == "hi there 0"
    assert [beam.text for beam in reply.beams] == ["hi there 0", "hi there 1", "hi there 2"]
    assert [beam.logprob for beam in reply.beams] == pytest.approx([-0.3, -0.6, -0.9])
    assert [beam.score for beam in reply.beams] == [beam.logprob for beam in reply.beams]  # a penalty of 0
    assert reply.completion_tokens == 6  # what all beams took, as it is charged


def test_only_a_server_that_says_it_is_vllm_or_llama_cpp_is_sent_a_search(
    vllm: HostileServer, hostile: HostileServer
) -> None:
    assert problem(vllm.url, request(beams=2)) == ""
    assert "no early stop" in problem(vllm.url, request(beams=2, early_stop=True))
    assert "set max tokens" in problem(vllm.url, request(beams=2, max_tokens=None))
    assert "only the built-in model, llama.cpp, vLLM and `promptgrid serve`" in problem(hostile.url, request(beams=2))
    with HostileServer(kind="llama.cpp") as server:
        server.slots = 4
        assert problem(server.url, request(beams=2)) == ""
        assert "response format" in problem(server.url, request(beams=2, response_format={"type": "json_object"}))
        assert "cannot call tools" in problem(server.url, request(beams=2, extra_body={"tools": [{}]}))
    assert hostile.calls("ok") == vllm.calls("ok") - 1 == 0


def test_a_server_that_is_down_is_an_error_and_openai_is_not_asked() -> None:
    with pytest.raises(EndpointError):
        problem("http://127.0.0.1:9/v1", request(beams=2))
    assert "x is none of them" in problem("https://api.openai.com/v1", request(beams=2))


def test_a_server_that_ignores_or_refuses_the_search_is_a_refusal_of_beams(hostile: HostileServer) -> None:
    for model in ("few-choices", "refuses-beams"):
        with pytest.raises(EndpointError) as refused:
            answered(hostile, request(model, beams=4))
        assert (refused.value.kind, refused.value.param) == ("refused_parameter", "beams")


def searched(asked: Request, *answers: str) -> tuple[Search, list[dict[str, Any]]]:
    bodies: list[dict[str, Any]] = []

    async def ask(body: dict[str, Any]) -> str:
        bodies.append(body)
        return answers[min(len(bodies), len(answers)) - 1]

    async def last() -> Search:
        return [search async for search in llama_cpp.searched(asked, [7, 8], 9, ask)][-1]

    return asyncio.run(last()), bodies


def body(count: int) -> str:
    steps = [{"index": at, "completion_probabilities": [{"id": 9, "top_logprobs": LIKELY}]} for at in range(count)]
    return json.dumps(steps[::-1])  # the server's order is its own


def test_llama_cpp_gets_one_request_a_step_with_a_prompt_for_each_open_beam() -> None:
    asked = request(beams=2, max_tokens=3)
    search, bodies = searched(asked, body(1), body(2))
    assert [sent["prompt"] for sent in bodies] == [[[7, 8]], [[7, 8, 5], [7, 8, 6]], [[7, 8, 5, 5], [7, 8, 5, 6]]]
    assert {sent["n_probs"] for sent in bodies} == {4}
    expected = Search(search_settings(asked.parameters))
    while not expected.done:
        tokens = [TokenChance(bytes(one["bytes"]), one["logprob"], one["id"]) for one in LIKELY]
        expected = expected.advanced([tokens] * len(expected.running))
    assert search == expected
    assert search.beams[0] == Beam(" a a a", -1.5, 3, -0.5, False)
    reply = llama_cpp.reply(search, 2, 5)
    assert (reply.text, reply.finish_reason, reply.completion_tokens) == (" a a a", "length", 5)


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["index", "completion_probabilities", "top_logprobs", "id", "logprob", "bytes"]), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(ANYTHING)
def test_whatever_the_server_answers_is_a_search_or_a_bad_reply(answer: Any) -> None:
    for text in (json.dumps(answer), "{"):
        kind, search = "", None
        try:
            search, _ = searched(request(beams=2, max_tokens=2), text)
        except EndpointError as error:
            kind = error.kind
        assert kind == "bad_reply" or (search is not None and search.done)
