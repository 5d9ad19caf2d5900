"""Many samples of the next token, and of a whole reply."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from promptgrid import loop, nextword
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword import Continuation, ModelClient, reshape
from promptgrid.store import Database, schema, stored_replies
from tests.nextword.likely import reply
from tests.streams import iterate_sync


def test_samples_come_as_many_a_call_as_the_endpoint_allows(scripted: Any, database: Database) -> None:
    client, endpoint = scripted(lambda request: [reply(" a")] * request.n, database)
    samples = nextword.token_samples(client, Continuation("Once"), 20, temperature=0.7, top_p=0.9, api="completion")
    calls = [len(steps) for steps in iterate_sync(samples)]
    assert calls == [8, 8, 4] == [request.n for request in endpoint.history]
    sent = [request.parameters for request in endpoint.history]
    assert {(p.temperature, p.top_p, p.max_tokens) for p in sent} == {(0.7, 0.9, 1)}
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.replies)) == 20
    seconds = stored_replies.seconds_per_reply(database, "openai", "ft-own")
    assert seconds is None  # one token says nothing of how long a reply takes


@pytest.mark.usefixtures("builtin_home")
def test_samples_meet_the_curve() -> None:
    client, place = ModelClient(DEFAULT_MODEL), Continuation("The quick brown fox")
    chances = loop.run_sync(nextword.predict(client, place)).chances

    def samples(count: int, temperature: float, top_p: float) -> list[TokenStep | None]:
        calls = nextword.token_samples(client, place, count, temperature=temperature, top_p=top_p, api="completion")
        return [step for steps in iterate_sync(calls) for step in steps]

    shares = reshape(chances, 1.0, 0.6)
    allowed = {token.id for token, is_kept in zip(chances.tokens, shares.kept, strict=True) if is_kept is not False}
    steps_at_1 = samples(40, 1.0, 0.6)
    assert len(steps_at_1) == 40
    assert {step and step.id for step in steps_at_1} <= allowed
    assert {step and step.id for step in samples(3, 0.0, 1.0)} == {chances.tokens[0].id}


@pytest.mark.usefixtures("builtin_home")
def test_the_same_prompt_many_times() -> None:
    client, place = ModelClient(DEFAULT_MODEL), Continuation("Hi")
    calls = nextword.text_samples(client, place, 3, temperature=0.0, top_p=1.0, api="completion")
    texts = [text for some in iterate_sync(calls) for text in some]
    assert len(texts) == 3
    assert len(set(texts)) == 1
