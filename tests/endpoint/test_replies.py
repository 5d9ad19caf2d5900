"""One test decides whether a reply is an answer, over real sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptgrid.endpoint import OpenAIEndpoint, Reply
from promptgrid.endpoint.replies import replies
from promptgrid.errors import EndpointError
from tests.endpoint.sockets import Way, Wire, answer, ask, both_ways, failure, with_endpoint
from tests.faults.server import HostileServer


def choice(content: Any, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}


def read(*choices: Any, n: int = 1, **fields: Any) -> list[Reply]:
    return replies({"choices": list(choices), **fields}, n, "")


CALLS = [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("one", "kind", "says"),
    [
        (choice("", "content_filter"), "no_answer", "withheld"),
        (choice(None, "SAFETY"), "no_answer", "withheld"),
        (choice("It is neg", "content_filter"), "no_answer", "cut the reply off"),
        (choice(None, "length", reasoning_content="Hm"), "no_answer", "spent all its tokens"),
        (choice("\n", "length"), "no_answer", "spent all its tokens"),
        (choice("", reasoning="Hm"), "no_answer", "reasoned"),
        (choice("", "tool_calls", tool_calls=CALLS), "no_answer", "tool"),
        (choice("", "stop", tool_calls=CALLS), "no_answer", "tool"),
        (choice("Let me look.", "tool_calls", tool_calls=CALLS), "no_answer", "tool"),
        (choice("The review is negative, although", "error"), "bad_reply", "broke the reply off"),
        (choice("The review", "insufficient_system_resource"), "bad_reply", "broke the reply off"),
        (choice(None), "bad_reply", "no text"),
        ("text", "bad_reply", "not an object"),
    ],
)
def test_what_is_no_answer_is_never_a_reply(one: Any, kind: str, says: str) -> None:
    with pytest.raises(EndpointError, match=says) as caught:
        read(one)
    assert caught.value.kind == kind
    assert len(read(one, choice("yes"), n=2)) == 1


@pytest.mark.parametrize(
    "one",
    [
        choice(""),  # a model may end at once
        choice("yes", "length"),
        choice("yes", "stop", tool_calls=CALLS),
        choice("yes", "stop", reasoning_content="Hm"),
        {"text": "", "finish_reason": "length"},  # a continuation of a part of a character
        choice("", "length") | {"logprobs": {"content": [{"token": "", "logprob": -1.0}]}},
    ],
)
def test_what_is_an_answer_is_one(one: dict[str, Any]) -> None:
    assert len(read(one)) == 1


@both_ways
def test_a_stream_is_read_unasked_and_asked_for_where_it_is_demanded(hostile: HostileServer, way: Way) -> None:
    for model in ("unasked-stream", "stream-only", "done-only"):
        last = way(hostile.url, ask(model, max_tokens=9))[-1]
        reply = last if isinstance(last, Reply) else last.reply
        assert (reply.text, reply.completion_tokens) == (
            "You said: Hello there",
            None if reply.prompt_tokens is None else 4,
        )


def test_a_model_that_wants_a_stream_refuses_only_once(hostile: HostileServer) -> None:
    async def work(endpoint: OpenAIEndpoint) -> list[str]:
        return [(await endpoint.complete(ask("stream-only")))[0].text for _ in range(3)]

    assert with_endpoint(hostile.url, work) == ["You said: Hello there"] * 3
    assert [bool(r.body.get("stream")) for r in hostile.books.completions] == [False, True, True, True]


@both_ways
def test_the_other_name_of_max_tokens_is_sent_where_the_first_is_refused(hostile: HostileServer, way: Way) -> None:
    last = way(hostile.url, ask("refuses-max-tokens", max_tokens=2))[-1]
    reply = last if isinstance(last, Reply) else last.reply
    assert reply.text == "You said:"
    assert reply.sent["max_completion_tokens"] == 2
    assert [sorted(set(r.body) & {"max_tokens", "max_completion_tokens"}) for r in hostile.books.completions] == [
        ["max_tokens"],
        ["max_completion_tokens"],
    ]


def test_names_that_refuse_each_other_are_no_circle() -> None:
    def script(connection: int, request: int) -> bytes:
        names = ("max_tokens", "max_completion_tokens")
        wrong, right = names if request % 2 == 0 else names[::-1]
        body = {"error": {"message": f"'{wrong}' is not supported. Use '{right}'.", "param": wrong}}
        return answer(body, "400 Bad Request")

    with Wire(script) as server:
        assert failure(server.url, ask("m", max_tokens=2)).kind == "refused_parameter"
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "Too many requests", "code": 429}}, "rate_limited"),
        ({"error": {"message": "Too many requests", "code": "429"}, "choices": []}, "rate_limited"),
        ({"error": {"message": "slow down", "type": "rate_limit_error"}}, "rate_limited"),
        ({"error": {"message": "no money", "code": "insufficient_quota"}}, "quota"),
        ({"error": {"message": "Overloaded", "type": "overloaded_error"}}, "server"),
        ({"error": "it broke"}, "server"),
        ({"object": "error", "message": "The model `m` does not exist.", "code": 404}, "unknown_model"),
        ({"code": 401, "msg": "bad key"}, "auth"),
        ({"detail": "no"}, "server"),
        (
            {"choices": [{"error": {"message": "Upstream limit", "code": 429}, "finish_reason": "error"}]},
            "rate_limited",
        ),
    ],
)
@both_ways
def test_an_error_with_status_200_counts_by_its_own_code(body: dict[str, Any], kind: str, way: Way) -> None:
    with Wire(answer(body, Retry_After="7")) as server:
        error = failure(server.url, ask("m"), way)
    assert (error.kind, error.retry_after) == (kind, 7.0)


def test_the_base_url_is_doubted_only_before_anything_was_readable(hostile: HostileServer) -> None:
    async def hint(endpoint: OpenAIEndpoint, model: str) -> str:
        with pytest.raises(EndpointError) as caught:
            await endpoint.complete(ask(model))
        return caught.value.hint

    async def work(endpoint: OpenAIEndpoint) -> list[str]:
        before = [await hint(endpoint, "html"), await hint(endpoint, "bad-json")]
        await endpoint.complete(ask("ok"))
        return [*before, await hint(endpoint, "html"), await hint(endpoint, "bad-json")]

    *before, html, bad_json = with_endpoint(hostile.url, work)
    assert ["base URL" in one for one in before] == [True, True]
    assert (html, bad_json) == ("", "")


@pytest.mark.parametrize("listing", [[{"id": "a"}, {"id": "b"}], ["a", "b"], {"data": [{"id": "b"}, {"id": "a"}, 7]}])
def test_models_are_read_however_they_are_listed(listing: Any) -> None:
    with Wire(answer(listing)) as server:
        assert with_endpoint(server.url, lambda endpoint: endpoint.models()) == ["a", "b"]


def test_names_that_cannot_be_shown_are_left_out() -> None:
    odd = [{"id": "\ud800"}, {"id": "\x1b[31m"}, {"id": "x" * 5000}, {"id": ["a"]}, {"id": None}]
    with Wire(answer(json.dumps([*odd, {"id": "m0"}, {"id": "m1"}]).encode())) as server:
        names = with_endpoint(server.url, lambda endpoint: endpoint.models())
    assert names == ["m0", "m1"]


SPOILED = ["filtered-empty", "filtered-midway", "broken-off", "tool-call", "thought-only", "spent-unseen"]


@both_ways
@pytest.mark.parametrize("model", [*SPOILED, "only-reasoning"])
def test_a_spoiled_reply_is_a_failure_over_the_wire(hostile: HostileServer, model: str, way: Way) -> None:
    assert failure(hostile.url, ask(model), way).kind in ("no_answer", "bad_reply")


@both_ways
def test_reasoning_in_a_field_of_its_own_is_kept_apart(hostile: HostileServer, way: Way) -> None:
    last = way(hostile.url, ask("reasoning"))[-1]
    reply = last if isinstance(last, Reply) else last.reply
    assert (reply.text, reply.reasoning) == ("42", "Six times seven.")
