"""Beam search on the real built-in model finds what the reference implementation finds on the same weights.

beams.json is what transformers 5.24 found with `num_beams` on the weights unpacked to 32 bit, written by
`python -m benchmarks.beams --reference PYTHON --golden FILE` (4 of its 12 searches). On quantised weights no such
golden can hold: llama.cpp computes there with quantised activations, and differently for each number of beams.
"""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api, builtin, connections, grid, loop
from promptgrid.builtin import unpacking, weights
from promptgrid.endpoint import Delta, Request
from promptgrid.endpoint.beams import llama_cpp
from promptgrid.endpoint.beams.search import Search
from promptgrid.errors import BuiltinError, EndpointError
from promptgrid.grid.planned_points import plan_points
from promptgrid.prompt import Message, Parameters, Prompt
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs
from promptgrid.store.results import result_rows
from tests.running import a_run, until

GOLDEN: list[dict[str, Any]] = json.loads(Path(__file__).with_name("beams.json").read_text("utf-8"))


@pytest.mark.usefixtures("builtin_home")
def test_the_best_beam_is_that_of_the_reference_with_its_probability() -> None:
    async def search() -> list[list[Delta]]:
        endpoint = builtin.BuiltinEndpoint()
        searches = [[delta async for delta in endpoint.stream(request(**golden))] for golden in GOLDEN]
        await endpoint.aclose()
        return searches

    for golden, deltas in zip(GOLDEN, loop.run_sync(search()), strict=True):
        best, reply = deltas[-2].finished[0], deltas[-1].reply
        assert [token.id for token in best.tokens] == golden["ids"], golden["text"]
        assert best.logprob / len(best.tokens) == pytest.approx(golden["logprob"] / len(best.tokens), abs=1e-3)
        assert reply is not None
        assert len(reply.beams) == golden["beams"]
        assert (reply.text, reply.beams[0].logprob) == (reply.beams[0].text, best.logprob)


def test_beams_that_do_not_fit_into_the_context_together_are_not_sent(
    builtin_endpoint: builtin.BuiltinEndpoint,
) -> None:
    long = request("a " * 1100, [], 0.0, beams=8, max_tokens=20)
    with pytest.raises(EndpointError, match=r"8 beams of up to 1,1\d\d tokens do not fit into the 8,192") as error:
        loop.run_sync(builtin_endpoint.complete(long))
    assert error.value.kind == "too_long"
    builtin.ensure()  # counts exactly
    plan = api.plan(Prompt("p", (Message("user", "{{ t }}"),)), [{"t": "a " * 1100}], beams=[1, 8], max_tokens=20)
    plain, search = plan_points(plan, grid.decide(plan))
    assert (plain.fits, search.fits) == (True, False)


@pytest.mark.usefixtures("builtin_home")
def test_a_cancel_in_mid_search_leaves_the_cell_cancelled_and_the_model_free(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, closed, search = list[int](), threading.Event(), llama_cpp.searched

    async def noted(*arguments: Any) -> AsyncGenerator[Search, None]:
        try:
            async with aclosing(search(*arguments)) as states:
                async for state in states:
                    steps.append(len(state.running))
                    yield state
        finally:
            closed.set()

    monkeypatch.setattr(llama_cpp, "searched", noted)
    database, prompt = Database(), Prompt("p", (Message("user", "{{ t }}"),), api="completion")
    plan = api.plan(prompt, [{"t": "Once upon a time"}], beams=[4], max_tokens=1000)
    run_id = client.submit(database, plan)
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: len(steps) > 2)
    runs.ask(database, run_id, "cancel")
    assert carrying.result(timeout=60) == "cancelled"
    assert closed.is_set()
    assert [row.status for row in result_rows(database, run_id)] == ["cancelled"]
    assert runs.progress(database, run_id).spent_usd == 0
    short = api.plan(prompt, [{"t": "Once upon a time"}], beams=[4], max_tokens=4)
    assert [row.status for row in result_rows(database, a_run(database, short))] == ["answered"]


def request(text: str, ids: list[int], logprob: float, **parameters: Any) -> Request:
    return Request(builtin.MODEL, (Message("user", text),), "completion", Parameters(**parameters))


def test_weights_too_large_to_unpack_are_refused_before_anything_is_sent(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.gguf"
    with large.open("wb") as file:
        file.truncate(unpacking.MOST_BYTES + 1)
    monkeypatch.setenv(weights.OVERRIDE, str(large))
    asked = request("Hi", [], 0.0, beams=2, max_tokens=3)
    assert "large.gguf has 0.7 GB" in loop.run_sync(builtin.BuiltinEndpoint().search_problem(asked))
    with pytest.raises(BuiltinError, match="unpacked"):
        unpacking.unpacked(large)


def test_a_file_that_is_no_gguf_is_said_to_be_none(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF is what it is not")
    with pytest.raises(BuiltinError, match=r"broken\.gguf cannot be unpacked"):
        unpacking.unpacked(broken)
