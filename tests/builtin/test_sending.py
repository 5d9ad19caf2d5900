"""How much of the model a request takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptgrid.builtin import sending
from promptgrid.endpoint import Request
from promptgrid.prompt import Message, Parameters


def request(text: str = "Hi", **fields: object) -> Request:
    count = fields.pop("n", 1)
    ids = fields.pop("prompt_ids", ())
    parameters = Parameters(**{"max_tokens": 100, **fields})  # type: ignore[arg-type]
    return Request("m", (Message("user", text),), parameters=parameters, n=count, prompt_ids=ids)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "prompt", "expected"),
    [
        (request(), None, 1),
        (request(n=5), None, 5),
        (request(beams=4), None, 4),
        (request("word " * 400), None, 3),  # 2,000 bytes are 2,000 tokens at most
        (request("word " * 400), 401, 1),
        (request("word " * 400, n=2), 1001, 2),  # a prompt is read once for all samples
        (request("word " * 400, beams=4), 1001, 5),  # and by each beam
        (request(prompt_ids=(1,) * 3000), None, 4),
        (request(n=30), None, 8),
        (request(max_tokens=None), None, 8),
        (request(temperature=0.7, seed=1), None, 8),
        (request(temperature=0.0, seed=1), None, 1),
        (replace(request(), logprobs=5), None, 8),
        (replace(request(temperature=0.0), model="m+tuned"), None, 8),
        (replace(request(temperature=0.7), model="m+tuned"), None, 1),
    ],
)
def test_a_request_takes_a_seat_for_each_text_and_for_each_thousand_tokens_and_all_if_it_must_be_alone(
    asked: Request, prompt: int | None, expected: int
) -> None:
    assert sending.seats(asked, prompt) == expected
