"""A continuation, token by token."""

from __future__ import annotations

import pytest

from promptgrid import loop, nextword
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword import Continuation, ModelClient


@pytest.mark.usefixtures("builtin_home")
def test_half_characters_are_chosen_written_and_gone_on_from() -> None:
    client, place = ModelClient(DEFAULT_MODEL), Continuation("我今天真")
    prediction = loop.run_sync(nextword.predict(client, place))
    half = next(token for token in prediction.chances.tokens if not nextword.is_whole(token.data))
    inside = place.after([TokenStep(half.data, half.logprob, half.id)])
    following = loop.run_sync(nextword.predict(client, inside)).chances.tokens[0]
    assert not nextword.is_whole(following.data)  # the character's next part
    steps = loop.run_sync(nextword.generated_tokens(client, place, 8, temperature=0.0))
    assert len(steps) == 8
    assert all(step.logprob is not None and step.data and len(step.likely) == 10 for step in steps)
    assert any(not nextword.is_whole(step.data) for step in steps)
    assert steps[0].id == prediction.chances.tokens[0].id  # at temperature 0 the likeliest
