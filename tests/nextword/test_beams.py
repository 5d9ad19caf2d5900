"""The same text by beams, greedily and by samples: what is sent, what is stored, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sqlalchemy as sa

from promptgrid import loop
from promptgrid.endpoint import Reply, Request
from promptgrid.endpoint.base import Beam
from promptgrid.errors import EndpointError
from promptgrid.nextword import BeamStep, Continuation, WholeText, calls_of_comparison, compared_texts
from promptgrid.prompt import Parameters
from promptgrid.store import Database, schema
from tests.nextword.likely import reply

SEARCH = Parameters(beams=2, max_tokens=4)


def compared(client: Any) -> list[BeamStep | WholeText]:
    async def all_texts() -> list[BeamStep | WholeText]:
        return [text async for text in compared_texts(client, Continuation("Once"), SEARCH)]

    return loop.run_sync(all_texts())


def test_the_calls_are_as_many_as_announced_and_each_text_has_its_probability(
    scripted: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(request: Request) -> Any:
        if request.parameters.searches:
            return Reply(" c d", beams=(Beam(" c d", -1.0, 2, -0.5), Beam(" c e", -1.5, 2, -0.75)))
        return [reply(" a", " b")] * request.n

    client, endpoint = scripted(script, database)

    async def no_problem(request: Request) -> str:
        return ""

    monkeypatch.setattr(endpoint, "search_problem", no_problem)
    texts = compared(client)
    assert len(endpoint.history) == calls_of_comparison(client) == 3
    assert [(t.way, t.text) for t in texts if isinstance(t, WholeText)] == [
        ("beam", " c d"), ("beam", " c e"), ("greedy", " a b"), *[("sample", " a b")] * 5,
    ]  # fmt: skip
    assert [request.parameters.temperature for request in endpoint.history[1:]] == [0.0, 1.0]
    greedy = next(text for text in texts if isinstance(text, WholeText) and text.way == "greedy")
    assert greedy.logprob == pytest.approx(2 * math.log(0.6))
    assert greedy.tokens == 2
    with database.read() as connection:
        stored = connection.execute(sa.select(schema.replies.c.text, schema.replies.c.beams_json)).all()
    assert [(row.text, bool(row.beams_json)) for row in stored] == [(" c d", True), *[(" a b", False)] * 6]


def test_where_there_is_no_search_nothing_is_sent(scripted: Any) -> None:
    client, endpoint = scripted(lambda request: reply(" a"))
    with pytest.raises(EndpointError, match=r"No beam search by openai/ft-own: openai has no beam search\."):
        compared(client)
    assert endpoint.history == []
