"""Probabilities of tokens, in the forms that endpoints give them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.endpoint import Request, wire
from promptgrid.endpoint.base import TokenChance, TokenStep
from promptgrid.endpoint.logprobs import read_steps
from promptgrid.endpoint.replies import replies
from promptgrid.prompt import Message

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["content", "token", "bytes", "logprob", "top_logprobs", "tokens", "token_logprobs"]), inner
    ),
)  # fmt: skip


def chat(*tokens: dict[str, Any]) -> dict[str, Any]:
    return {"content": list(tokens)}


def test_the_form_of_chat_completions() -> None:
    logprobs = {
        "token": "�",
        "bytes": [230, 151],
        "logprob": -0.5,
        "top_logprobs": [{"token": "b", "bytes": None, "logprob": -3.0}, {"token": "a", "logprob": -1.0, "id": 7}],
    }
    likely = (TokenChance(b"a", -1.0, 7), TokenChance(b"b", -3.0))
    assert read_steps(chat(logprobs)) == (TokenStep(b"\xe6\x97", -0.5, None, likely),)


def test_the_lists_of_legacy_completions() -> None:
    logprobs = {
        "tokens": ["bytes:\\xe6\\x97", " is"],
        "token_logprobs": [None, -1.5],
        "top_logprobs": [None, {" is": -1.5, "<0xE6>": -2.5}],
    }
    likely = (TokenChance(b" is", -1.5), TokenChance(b"\xe6", -2.5))
    assert read_steps(logprobs) == (TokenStep(b"\xe6\x97", None), TokenStep(b" is", -1.5, None, likely))


@pytest.mark.parametrize("value", [math.nan, "x", True, None, 3.0])
def test_what_is_no_probability_is_none(value: object) -> None:
    (step,) = read_steps(chat({"token": "a", "logprob": value, "top_logprobs": [{"token": "b", "logprob": value}]}))
    assert (step.logprob, step.likely) == (None, ())


@given(ANY_JSON)
def test_whatever_comes_is_steps(logprobs: Any) -> None:
    for step in read_steps(logprobs):
        assert isinstance(step.data, bytes)
        assert step.logprob is None or step.logprob <= 0


def test_a_reply_carries_its_steps() -> None:
    choice = {"text": "a", "finish_reason": "length", "logprobs": chat({"token": "a", "logprob": -1})}
    (reply,) = replies({"choices": [choice]}, 1, "")
    assert reply.steps == (TokenStep(b"a", -1.0),)


def test_the_request_is_written_in_the_words_of_either_api() -> None:
    text = (Message("user", "Hi"),)
    body = wire.body(Request("m", text, logprobs=5), "max_tokens")
    assert (body["logprobs"], body["top_logprobs"]) == (True, 5)
    body = wire.body(Request("m", text, "completion", logprobs=5), "max_tokens")
    assert body["logprobs"] == 5
    assert "top_logprobs" not in body
    assert "logprobs" not in wire.body(Request("m", text), "max_tokens")
