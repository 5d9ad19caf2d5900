"""The protocol of `promptgrid serve`, with a model that writes without PyTorch."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from promptgrid import connections, loop
from promptgrid.endpoint import Reply, Request
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message, Parameters
from promptgrid.tuning.folder_model import TokenLogprob, Writing, WrittenText
from tests.streams import iterate_sync
from tests.tuning.serving import NAME, serving


class Echo:
    """Answers with what it was to do; a token is a character."""

    context = 100

    def chat_ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        if messages[0]["role"] == "system":
            raise ValueError("The chat template refuses the messages: no system")
        return self.text_ids("".join(message["content"] for message in messages))

    def text_ids(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def spellings(self, ids: Sequence[int]) -> list[str]:
        return [chr(one) for one in ids]

    def written(self, ids: Sequence[int], writing: Writing) -> list[WrittenText]:
        steps = (TokenLogprob(b"x", -0.5, (TokenLogprob(b"y", -1.0),)),) if writing.top else ()
        text = f"{len(ids)} t={writing.temperature:g} p={writing.top_p:g} s={writing.seed} {writing.stop}"
        beams = f" beams {writing.length_penalty:g}" if writing.beams else ""
        return [WrittenText(f"{text}{beams} #{number}", 3, number == 0, steps) for number in range(writing.n)]


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(Echo(), monkeypatch) as root:
        yield root


def asked(text: str = "abc", role: Any = "user", **fields: Any) -> Request:
    own = {name: fields.pop(name) for name in ("n", "logprobs", "api") if name in fields}
    return Request(NAME, (Message(role, text),), parameters=Parameters(**fields), **own)


def complete(request: Request) -> list[Reply]:
    return loop.run_sync(connections.connect("openai").complete(request))


@pytest.mark.usefixtures("root")
def test_parameters_reach_the_model_and_replies_come_back_with_their_usage() -> None:
    (reply,) = complete(asked(temperature=0.5, top_p=0.9, seed=3, stop=["end"], max_tokens=9))
    assert reply.text == "3 t=0.5 p=0.9 s=3 ('end',) #0"
    assert (reply.prompt_tokens, reply.completion_tokens, reply.finish_reason) == (3, 3, "stop")
    assert complete(asked("abcd", api="completion"))[0].text.startswith("4 ")
    (drawn,) = complete(asked(logprobs=1))
    assert (drawn.steps[0].logprob, drawn.steps[0].likely[0].data) == (-0.5, b"y")


@pytest.mark.usefixtures("root")
def test_a_beam_search_is_asked_for_in_the_way_of_vllm() -> None:
    (reply,) = complete(asked(beams=3, length_penalty=2.0, max_tokens=5))
    assert [beam.text.partition("()")[2] for beam in reply.beams] == [f" beams 2 #{number}" for number in range(3)]
    assert loop.run_sync(connections.connect("openai").search_problem(asked(beams=2, max_tokens=5))) == ""


@pytest.mark.usefixtures("root")
def test_a_streamed_reply_is_the_whole_one_and_tokens_are_counted() -> None:
    endpoint = connections.connect("openai")
    for api in ("chat", "completion"):
        deltas = list(iterate_sync(endpoint.stream(asked(api=api))))
        assert deltas[-1].reply is not None
        assert deltas[-1].reply.text == complete(asked(api=api))[0].text
    assert loop.run_sync(endpoint.count_tokens(NAME, [Message("user", "abcde")])) == 5
    pieces = loop.run_sync(endpoint.tokenize(NAME, "ab")) or []
    assert [(token.id, token.data) for token in pieces] == [(97, b"a"), (98, b"b")]
    assert loop.run_sync(endpoint.models()) == [NAME]


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (asked("a" * 99, max_tokens=5), "too_long", "100 tokens"),
        (asked(role="system"), "bad_request", "no system"),
        (asked(temperature=0.5, extra_body={"presence_penalty": 1}), "refused_parameter", "presence_penalty"),
        (asked(extra_body={"top_p": 7}), "refused_parameter", "top_p is a number from 0 to 1"),
    ],
)
def test_what_the_model_cannot_take_is_refused_by_name(request_: Request, kind: str, message: str) -> None:
    with pytest.raises(EndpointError) as caught:
        complete(request_)
    assert (caught.value.kind, message in str(caught.value)) == (kind, True), caught.value


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"model": "tiny"}', 400),
        (b'{"model": "tiny", "messages": [{"role": "user"}]}', 400),
        (b'{"model": "tiny", "prompt": ""}', 400),
        (b'{"model": "other", "prompt": "a"}', 404),
        (b'{"model": "tiny", "prompt": "a", "n": true}', 400),
        (b'{"model": "tiny", "prompt": "a", "temperature": NaN}', 400),
        (b'{"model": "tiny", "prompt": "a", "stop": [""]}', 400),
        (b'{"model": "tiny", "prompt": "a", "max_tokens": 1e400}', 400),
    ],
)
def test_a_body_that_is_none_is_refused_in_the_form_of_the_protocol(root: str, body: bytes, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(f"{root}/v1/completions", body), timeout=10)
    with caught.value as answer:
        assert (answer.status, bool(json.loads(answer.read())["error"]["message"])) == (status, True)


def test_another_host_than_this_machine_is_refused(root: str) -> None:
    request = urllib.request.Request(f"{root}/v1/models", headers={"Host": "example.com"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.status == 400
