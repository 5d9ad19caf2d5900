"""How likely each token of a given text is."""

from __future__ import annotations

from typing import Any

import pytest

from promptgrid import loop, nextword
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import EndpointError
from promptgrid.nextword import Continuation, ModelClient
from tests.nextword.likely import reply
from tests.streams import iterate_sync


def test_a_text_is_scored_by_its_echo_or_not_at_all(scripted: Any) -> None:
    whole = reply("Once", " upon", " a")
    client, _ = scripted(lambda request: whole if request.parameters.extra_body else reply(" a"))
    steps = list(iterate_sync(nextword.scored_tokens(client, "Once upon")))
    assert [(step.data, count) for step, count in steps] == [(b"Once", 2), (b" upon", 2)]
    client, _ = scripted(lambda request: reply(" a"))  # ignores echo, as many do
    with pytest.raises(EndpointError, match="cannot score a given text"):
        list(iterate_sync(nextword.scored_tokens(client, "Once upon")))


@pytest.mark.usefixtures("builtin_home")
def test_a_scored_text_says_of_each_token_what_a_look_says() -> None:
    client = ModelClient(DEFAULT_MODEL)
    pairs = list(iterate_sync(nextword.scored_tokens(client, "The fox 我")))
    steps = [step for step, _ in pairs]
    assert steps[0].logprob is None
    assert {count for _, count in pairs} == {len(steps)}
    assert b"".join(step.data for step in steps) == "The fox 我".encode()
    for number in (1, 2, len(steps) - 1):
        chances = loop.run_sync(nextword.predict(client, Continuation("", tuple(steps[:number])), every=True)).chances
        looked = next(token.logprob for token in chances.tokens if token.id == steps[number].id)
        assert steps[number].logprob == pytest.approx(looked, abs=0.3)  # how a prefix was read shows a little
    assert (nextword.perplexity(steps) or 0) > 1
