"""Tuned models of the built-in endpoint: one server for the base and all adapters, chosen by each request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptgrid import api, builtin, connections, doctor, loop
from promptgrid.builtin import adapters, models, process
from promptgrid.endpoint import Reply
from promptgrid.errors import BuiltinError, EndpointError, PlanError
from promptgrid.prompt import Message, Prompt
from tests.builtin.requests import asked, complete
from tests.builtin.tuned import random_adapter

TUNED, OTHER = f"{builtin.MODEL}+tuned", f"{builtin.MODEL}+other"
EXACT = {"temperature": 0.0, "max_tokens": 8}


@pytest.fixture
def tuned(builtin_home: Path, tmp_path: Path) -> Iterator[None]:
    random_adapter("tuned", tmp_path, seed=1)
    yield
    for adapter in adapters.adapters():
        adapters.delete(adapter.name)
    adapters.empty_bin()


def text(endpoint: builtin.BuiltinEndpoint, model: str = builtin.MODEL) -> str:
    return complete(endpoint, model=model, **EXACT)[0].text


@pytest.mark.usefixtures("tuned")
def test_base_and_tuned_models_answer_from_one_server_each_as_itself(
    builtin_endpoint: builtin.BuiltinEndpoint, tmp_path: Path
) -> None:
    base, first = text(builtin_endpoint), text(builtin_endpoint, TUNED)
    server = process.ensure()
    assert first != base == text(builtin_endpoint)
    assert process.ensure() == server

    random_adapter("other", tmp_path, seed=2)
    second = text(builtin_endpoint, OTHER)  # by a new server, which has both
    assert second not in (first, base)
    assert process.ensure().pid != server.pid
    assert [text(builtin_endpoint, model) for model in (TUNED, builtin.MODEL, OTHER)] == [first, base, second]

    async def at_once() -> list[list[Reply]]:
        requests = [asked(model=model, **EXACT) for model in (TUNED, builtin.MODEL, OTHER) * 2]
        return await asyncio.gather(*map(builtin_endpoint.complete, requests))

    assert [replies[0].text for replies in loop.run_sync(at_once())] == [first, base, second] * 2


@pytest.mark.usefixtures("tuned")
def test_what_one_model_has_read_is_nothing_to_the_other(builtin_endpoint: builtin.BuiltinEndpoint) -> None:
    questions = ["Describe the sea.", "What is a dog?", "Why is the sky blue?", "Write a short poem.", "What is bread?"]

    def answers(model: str) -> list[str]:
        messages = [(Message("user", question),) for question in questions]
        settings = {"model": model, "temperature": 0.0, "max_tokens": 24}
        return [complete(builtin_endpoint, messages=one, **settings)[0].text for one in messages]

    base, tuned = answers(builtin.MODEL), answers(TUNED)
    assert answers(builtin.MODEL) == base != tuned
    assert answers(TUNED) == tuned


@pytest.mark.usefixtures("tuned")
def test_the_key_of_a_tuned_reply_has_the_hash_of_the_adapter(
    builtin_endpoint: builtin.BuiltinEndpoint, tmp_path: Path
) -> None:
    request = asked(model=TUNED, **EXACT)
    (reply,) = loop.run_sync(builtin_endpoint.complete(request))
    body = builtin_endpoint.wire(request)
    assert dict(reply.sent) == body
    assert body["lora"] == [{"sha256": adapters.find("tuned").adapter_sha256, "scale": 1.0}]
    (plain,) = complete(builtin_endpoint, **EXACT)
    assert "lora" not in plain.sent
    adapters.delete("tuned")
    random_adapter("tuned", tmp_path, seed=3)
    assert builtin_endpoint.wire(request) != body
    (again,) = loop.run_sync(builtin_endpoint.complete(request))
    assert again.text != reply.text


@pytest.mark.usefixtures("tuned")
def test_a_new_server_for_an_adapter_interrupts_no_request(
    builtin_endpoint: builtin.BuiltinEndpoint, tmp_path: Path
) -> None:
    async def scene() -> tuple[Reply, Reply]:
        deltas = builtin_endpoint.stream(asked(temperature=0.0, max_tokens=60, messages=(Message("user", "Count."),)))
        await anext(deltas)
        random_adapter("other", tmp_path, seed=4)
        other = asyncio.create_task(builtin_endpoint.complete(asked(model=OTHER, **EXACT)))
        rest = [delta async for delta in deltas]
        assert rest[-1].reply is not None
        return rest[-1].reply, (await other)[0]

    interrupted, other = loop.run_sync(scene())
    assert interrupted.finish_reason in ("stop", "length")
    assert other.text


@pytest.mark.usefixtures("tuned")
def test_a_tuned_model_is_listed_runs_beside_its_base_and_is_counted_as_it() -> None:
    refs = [f"builtin/{model}" for model in (builtin.MODEL, TUNED)]
    assert connections.check("builtin").models == (builtin.MODEL, TUNED)
    frame = api.run(api.plan(Prompt("p", (Message("user", "{{ t }}"),)), [{"t": "Hi"}], models=refs, max_tokens=4))
    assert list(frame["status"]) == ["answered", "answered"]
    assert list(frame["model"]) == [builtin.MODEL, TUNED]
    assert frame["prompt_tokens"][0] == frame["prompt_tokens"][1] == frame["prompt_tokens_counted"][1]


def test_an_adapter_of_other_weights_is_refused_with_the_reason(builtin_home: Path, tmp_path: Path) -> None:
    random_adapter("strange", tmp_path, base_sha256="ab" * 32)
    try:
        assert builtin.names() == (builtin.MODEL,)
        with pytest.raises(BuiltinError, match=r"tuned from the GGUF file with sha256 abababababab…; the file in use"):
            models.adapter_of(f"{builtin.MODEL}+strange")
        (finding,) = [one for one in doctor.checks() if one.area == "tuned models"]
        assert (finding.ok, "belong together" in finding.message) == (False, True)
        with pytest.raises(EndpointError, match="belong together"):
            complete(builtin.BuiltinEndpoint(), model=f"{builtin.MODEL}+strange")
    finally:
        adapters.delete("strange")
        adapters.empty_bin()


def test_a_tuned_model_that_is_deleted_comes_back_and_an_unknown_one_is_named(
    builtin_home: Path, tmp_path: Path
) -> None:
    random_adapter("tuned", tmp_path)
    adapters.delete("tuned")
    with pytest.raises(PlanError, match=r"tuned model 'tuned' was deleted.*undelete tuned"):
        connections.check_model(f"builtin/{TUNED}")
    adapters.undelete("tuned")
    connections.check_model(f"builtin/{TUNED}")
    adapters.delete("tuned")
    adapters.empty_bin()


@pytest.mark.usefixtures("builtin_home")
def test_a_broken_adapter_keeps_the_base_from_nothing(
    builtin_endpoint: builtin.BuiltinEndpoint, tmp_path: Path
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF but not really")
    base = builtin.identity().removeprefix("sha256:")
    adapters.save("broken", path, base_sha256=base, data_sha256="0" * 64, settings={}, curve=[])
    try:
        assert complete(builtin_endpoint, max_tokens=1)
        with pytest.raises(EndpointError, match=r"server\.log"):
            complete(builtin_endpoint, model=f"{builtin.MODEL}+broken")
        assert complete(builtin_endpoint, max_tokens=1)
    finally:
        adapters.delete("broken")
        adapters.empty_bin()
