"""What the server of llama.cpp says of its tokens, parts of characters included."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptgrid.endpoint import llama_cpp
from promptgrid.errors import EndpointError


def entry(number: int, data: bytes, *likely: tuple[int, bytes]) -> dict[str, Any]:
    others = [{"id": i, "token": "", "bytes": list(d), "logprob": -1.0} for i, d in likely]
    return {"id": number, "token": "", "bytes": list(data), "logprob": -0.5, "top_logprobs": others}


def steps(tokens: list[int], *entries: dict[str, Any], text: str = "x") -> list[tuple[int | None, bytes, Any]]:
    answer = {"content": text, "tokens": tokens, "completion_probabilities": list(entries), "stop_type": "limit"}
    (reply,) = llama_cpp.replies(json.dumps(answer), 1)
    return [(step.id, step.data, step.logprob) for step in reply.steps]


def test_the_parts_of_a_character_are_there_though_untold() -> None:
    entries = entry(115, "日".encode(), (115, b"\xa5"))
    assert steps([23, 115], entries) == [(23, b"", None), (115, b"\xa5", -0.5)]


def test_of_two_alike_the_later_one_completes_the_character() -> None:
    entries = entry(98, "😘".encode(), (98, b"\x98"))
    assert steps([10, 98, 98], entries) == [(10, b"", None), (98, b"", None), (98, b"\x98", -0.5)]


def test_a_reply_cut_inside_a_character() -> None:
    entries = entry(7, b"a", (7, b"a"))
    assert steps([7, 10], entries, text="a�") == [(7, b"a", -0.5), (10, b"", None)]


def test_an_answer_without_text_is_told() -> None:
    for text in ("{}", "nonsense", "[1]", '{"content": 1}'):
        with pytest.raises(EndpointError, match="no text"):
            llama_cpp.replies(text, 1)
