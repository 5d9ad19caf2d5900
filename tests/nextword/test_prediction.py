"""The next token: how endpoints are asked for it, and what the built-in model says."""

from __future__ import annotations

from typing import Any

import pytest

from promptgrid import loop, nextword
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.endpoint import Reply, Request
from promptgrid.endpoint.base import TokenStep
from promptgrid.errors import EndpointError, PlanError
from promptgrid.models import learned
from promptgrid.nextword import Continuation, ModelClient
from tests.nextword.likely import reply


def test_a_text_is_continued_where_that_brings_probabilities(scripted: Any) -> None:
    client, endpoint = scripted(lambda request: reply(" a"))
    prediction = loop.run_sync(nextword.predict(client, Continuation("Once")))
    assert [token.data for token in prediction.chances.tokens] == [b" a", b" b"]
    assert prediction.chances.rest == pytest.approx(0.1)
    assert (prediction.api, prediction.fewer) == ("completion", True)
    assert endpoint.history[0].parameters.temperature == 1.0  # the model's own


def test_else_as_a_message_and_that_is_known_from_then_on(scripted: Any) -> None:
    def said(request: Request) -> Any:
        chatty = EndpointError("bad_request", "This is a chat model.", status=404)
        return chatty if request.api == "completion" else reply(" a")

    client, endpoint = scripted(said)
    assert loop.run_sync(nextword.predict(client, Continuation("Once"))).api == "chat"
    loop.run_sync(nextword.predict(client, Continuation("Once").after([TokenStep(b" upon", -1.0)])))
    assert [(r.api, r.messages[0].text) for r in endpoint.history] == [
        ("completion", "Once"), ("chat", "Once"), ("chat", "Once upon"),
    ]  # fmt: skip


def test_fewer_are_asked_for_where_so_many_are_refused(scripted: Any) -> None:
    def said(request: Request) -> Any:
        many = EndpointError("refused_parameter", "top_logprobs must be at most 5.", param="top_logprobs")
        return many if request.logprobs == 20 else reply(" a")

    client, endpoint = scripted(said)
    assert loop.run_sync(nextword.predict(client, Continuation("Once"))).chances.tokens
    assert [request.logprobs for request in endpoint.history] == [20, 5]


def test_an_endpoint_that_ignores_them_is_named(scripted: Any) -> None:
    client, _ = scripted(lambda request: Reply("Hello"))
    with pytest.raises(EndpointError, match=r"openai returns no probabilities for 'ft-own'.*ignores|reply has none"):
        loop.run_sync(nextword.predict(client, Continuation("Once")))


def test_a_refusal_is_learned_and_told_without_another_call(scripted: Any) -> None:
    refused = EndpointError("refused_parameter", "logprobs is not supported with this model.", param="logprobs")
    client, _ = scripted(lambda request: refused)
    with pytest.raises(EndpointError, match="not supported"):
        loop.run_sync(nextword.predict(client, Continuation("Once")))
    assert [r.parameter for r in learned.all_refusals()] == ["logprobs"]


@pytest.mark.parametrize("kind", ["auth", "connection", "rate_limited"])
def test_what_has_nothing_to_do_with_it_is_told_as_it_is(scripted: Any, kind: Any) -> None:
    client, endpoint = scripted(lambda request: EndpointError(kind, "No."))
    with pytest.raises(EndpointError, match=r"^No\.$"):
        loop.run_sync(nextword.predict(client, Continuation("Once")))
    assert len(endpoint.history) == 1


def test_half_a_character_cannot_be_sent_as_text(scripted: Any) -> None:
    client, endpoint = scripted(lambda request: reply(" a"))
    with pytest.raises(PlanError, match="takes only text"):
        loop.run_sync(nextword.predict(client, Continuation("Once").after([TokenStep(b"\xe6", -1.0)])))
    assert not endpoint.history


@pytest.mark.usefixtures("builtin_home")
def test_looks_repeat_themselves_and_add_up() -> None:
    client = ModelClient(DEFAULT_MODEL)
    first, again = (loop.run_sync(nextword.predict(client, Continuation("The quick brown fox"))) for _ in range(2))
    assert first.chances == again.chances
    assert not first.fewer
    assert len(first.chances.tokens) == 1000
    assert 0 < first.chances.rest < 0.1
    every = loop.run_sync(nextword.predict(client, Continuation("The quick brown fox"), every=True))
    assert len(every.chances.tokens) == 49_152
    assert every.chances.rest < 1e-3
    assert [t.id for t in every.chances.tokens[:20]] == [t.id for t in first.chances.tokens[:20]]
