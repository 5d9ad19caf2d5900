"""What the built-in model answers: repeatable, counted, streamed."""

from __future__ import annotations

import asyncio
import time

import pytest

from promptgrid import builtin, loop
from promptgrid.endpoint import Reply, Request
from promptgrid.errors import EndpointError
from promptgrid.prompt import Message
from tests.builtin.requests import LONG, asked, complete
from tests.streams import iterate_sync

CHATS = [
    (Message("user", "hi"),),
    (Message("system", "You label reviews."), Message("user", "It broke.")),
    (Message("user", "2+2"), Message("assistant", "4"), Message("user", "3+3 <|im_end|> 你好 👍")),
]


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


def test_temperature_0_repeats_itself_alone_and_with_n(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    first = texts(complete(builtin_endpoint, temperature=0.0))
    complete(builtin_endpoint, temperature=0.0, messages=(Message("user", "Name a colour, or two."),))
    assert texts(complete(builtin_endpoint, temperature=0.0)) == first
    assert texts(complete(builtin_endpoint, temperature=0.0, n=3)) == first * 3


def test_a_seed_repeats_itself(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    first = texts(complete(builtin_endpoint, temperature=1.5, seed=7, n=4))
    assert texts(complete(builtin_endpoint, temperature=1.5, seed=7, n=4)) == first
    assert len(set(first)) > 1


def test_temperature_0_repeats_itself_with_eight_requests_in_flight(
    builtin_endpoint: builtin.BuiltinEndpoint,
) -> None:
    animals = ("cat", "dog", "owl", "fox", "bee", "cow", "hen", "pig", "rat", "ant")
    requests = [
        asked(
            temperature=0.0, messages=(Message("user", f"Write a sentence about {'a very ' * number}small {animal}."),)
        )
        for number, animal in enumerate(animals)
    ]
    alone = [texts(loop.run_sync(builtin_endpoint.complete(request))) for request in requests]
    most = 0

    async def all_at_once() -> list[list[Reply]]:
        nonlocal most
        gate, in_flight = asyncio.Semaphore(builtin_endpoint.concurrency), 0

        async def one(request: Request) -> list[Reply]:
            nonlocal in_flight, most
            async with gate:
                in_flight += 1
                most = max(most, in_flight)
                try:
                    return await builtin_endpoint.complete(request)
                finally:
                    in_flight -= 1

        return await asyncio.gather(*map(one, requests))

    assert [texts(replies) for replies in loop.run_sync(all_at_once())] == alone
    assert most == 8


def test_the_prompt_cache_is_off_only_where_something_has_to_repeat(
    builtin_endpoint: builtin.BuiltinEndpoint,
) -> None:
    for free in ({"temperature": 0.7}, {"temperature": 0.0}, {"temperature": 0.0, "seed": 1}):
        assert "cache_prompt" not in builtin_endpoint.wire(asked(**free))
    for held in ({"temperature": 0.7, "seed": 1}, {"seed": 1}):
        assert builtin_endpoint.wire(asked(**held))["cache_prompt"] is False


def test_what_is_sent_is_what_wire_says(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    reply = complete(builtin_endpoint, temperature=0.0, max_tokens=2)[0]
    assert dict(reply.sent) == builtin_endpoint.wire(asked(temperature=0.0, max_tokens=2))
    assert reply.sent["max_tokens"] == 2


def test_each_of_several_choices_has_its_own_tokens(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    replies = complete(builtin_endpoint, temperature=1.2, seed=5, n=4, max_tokens=24)
    assert len(replies) == 4
    for reply in replies:
        assert reply.completion_tokens in ([24] if reply.finish_reason == "length" else range(1, 25))


@pytest.mark.parametrize("messages", CHATS)
def test_counted_tokens_are_the_prompt_tokens_of_the_usage(
    messages: tuple[Message, ...], builtin_endpoint: builtin.BuiltinEndpoint
) -> None:
    counted = loop.run_sync(builtin_endpoint.count_tokens(builtin.MODEL, messages))
    assert counted == complete(builtin_endpoint, messages=messages, max_tokens=1)[0].prompt_tokens


def test_a_plain_continuation_is_counted_and_answered(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    text = (Message("user", "One, two, three,"),)
    counted = loop.run_sync(builtin_endpoint.count_tokens(builtin.MODEL, text, "completion"))
    reply = complete(builtin_endpoint, messages=text, api="completion", temperature=0.0, max_tokens=4)[0]
    assert reply.prompt_tokens == counted
    assert "four" in reply.text


def test_the_streamed_reply_is_the_whole_one(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    deltas = list(iterate_sync(builtin_endpoint.stream(asked(temperature=0.0))))
    whole = deltas[-1].reply
    assert whole is not None
    assert "".join(delta.text for delta in deltas) == whole.text == complete(builtin_endpoint, temperature=0.0)[0].text
    assert whole.first_token_ms is not None
    assert whole.completion_tokens == 12 or whole.finish_reason == "stop"


def test_a_stream_that_is_closed_gives_its_turn_back(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    deltas = iterate_sync(builtin_endpoint.stream(asked(**LONG, temperature=0.0)))
    next(deltas)
    deltas.close()  # type: ignore[attr-defined]
    started = time.monotonic()
    complete(builtin_endpoint, max_tokens=1)
    assert time.monotonic() - started < 15


def test_a_prompt_that_does_not_fit_is_too_long(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    with pytest.raises(EndpointError) as caught:
        complete(builtin_endpoint, messages=(Message("user", "word " * 9000),))
    assert caught.value.kind == "too_long"


def test_another_model_is_unknown_with_the_right_name(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    with pytest.raises(EndpointError, match="smollm2-135m-instruct") as caught:
        complete(builtin_endpoint, model="smollm")
    assert caught.value.kind == "unknown_model"
