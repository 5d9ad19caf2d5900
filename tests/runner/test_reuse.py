"""Samples have numbers: each is asked for once, and is a reply of its own, however many runs show it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api, connections, loop
from promptgrid.endpoint import ScriptedEndpoint
from promptgrid.grid import Plan
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs
from promptgrid.store.results import ResultRow, result_rows
from tests.running import a_plan, carried_out, halts, replies_of, resumed, until

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer, home: Path) -> None:
    """`openai` asks for samples one by one, `many` for four at a time: the same server, so the same replies."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text(f'[many]\nbase_url = "{endpoint.url}"\nmax_n = 4\n')


def rows_of(database: Database, plan: Plan) -> list[ResultRow]:
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return list(result_rows(database, run_id))


def sampled(endpoint: str = "many", samples: int = 30, **changes: Any) -> Plan:
    """One cell, many samples, at temperature 1."""
    plan = a_plan(words=1, samples=samples, temperatures=[1.0], **changes)
    return replace(plan, models=(f"{endpoint}/honours-temperature",))


def bodies(hostile: HostileServer, after: int = 0) -> list[dict[str, Any]]:
    return [request.body for request in hostile.books.completions[after:]]


def choices(hostile: HostileServer, after: int = 0) -> int:
    """How many samples were asked for."""
    return sum(body.get("n", 1) for body in bodies(hostile, after))


@pytest.mark.parametrize(("first", "then"), [("many", "openai"), ("openai", "many")])
def test_30_samples_are_30_replies_of_their_own_in_whatever_way_they_came(
    database: Database, hostile: HostileServer, first: str, then: str
) -> None:
    rows_of(database, sampled(first, 11))
    rows = rows_of(database, sampled(then, 30))
    assert len({row.reply_id for row in rows}) == 30
    assert choices(hostile) == 30
    assert sorted(sample for _, sample in replies_of(database)) == list(range(30))
    assert {body.get("n", 1) > 1 for body in bodies(hostile)} == {True, False}
    # A thousand numbers are drawn from: 30 draws differ, as those of a copied sample would not.
    assert len({row.output for row in rows}) >= 26
    assert Counter(row.reused for row in rows) == {True: 11, False: 19}
    assert [row.sample for row in rows if row.reused] == list(range(11))


def test_samples_by_n_are_distinct_choices_of_the_scripted_endpoint(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = (str(number) for number in range(1000))
    endpoint = ScriptedEndpoint(lambda request: [next(numbers) for _ in range(request.n)], name="openai", max_n=8)
    monkeypatch.setattr(connections, "connect", lambda name: endpoint)
    rows = rows_of(database, a_plan(words=1, samples=30, temperatures=[1.0]))
    assert sorted(int(row.output or "") for row in rows) == list(range(30))
    assert sorted(request.n for request in endpoint.history) == [6, 8, 8, 8]


def test_five_to_twenty_samples_asks_for_fifteen(database: Database, hostile: HostileServer) -> None:
    before = {row.sample: row.reply_id for row in rows_of(database, sampled(samples=5))}
    sent = len(bodies(hostile))
    rows = rows_of(database, sampled(samples=20))
    assert choices(hostile, sent) == 15
    assert {row.sample: row.reply_id for row in rows if row.reused} == before


def test_fewer_choices_than_asked_for_leave_no_sample_without_a_reply(
    database: Database, hostile: HostileServer
) -> None:
    plan = replace(sampled(samples=20), models=("many/few-choices",))
    rows = rows_of(database, plan)
    assert len({row.reply_id for row in rows}) == 20
    assert sorted(sample for _, sample in replies_of(database)) == list(range(20))
    assert hostile.books.charged == 20


@pytest.mark.parametrize("name", ["many", "openai"])
def test_sample_i_has_seed_plus_i_on_the_wire(database: Database, hostile: HostileServer, name: str) -> None:
    rows = rows_of(database, sampled(name, 10, seed=100))
    first_seeds = [(body["seed"], body.get("n", 1)) for body in bodies(hostile)]
    seeds = sorted(seed + index for seed, n in first_seeds for index in range(n))
    assert seeds == list(range(100, 110))
    assert [row.parameters["seed"] for row in rows] == list(range(100, 110))


def test_samples_that_are_added_go_on_with_the_seeds(database: Database, hostile: HostileServer) -> None:
    rows_of(database, sampled("openai", 3, seed=7))
    before = len(bodies(hostile))
    rows_of(database, sampled("many", 12, seed=7))
    seeds = sorted((body["seed"], body.get("n", 1)) for body in bodies(hostile, before))
    assert seeds == [(10, 4), (14, 4), (18, 1)]


def test_another_base_seed_or_temperature_is_another_call(database: Database, hostile: HostileServer) -> None:
    rows_of(database, sampled("openai", 4, seed=1))
    for other in (sampled("openai", 4, seed=2), sampled("openai", 4), sampled("openai", 4, max_tokens=9)):
        assert not any(row.reused for row in rows_of(database, other))
    assert choices(hostile) == 16


def test_fresh_asks_again_for_every_sample_and_keeps_the_old_replies(
    database: Database, hostile: HostileServer
) -> None:
    old = rows_of(database, sampled(samples=6))
    new = rows_of(database, sampled(samples=6, fresh=True))
    assert choices(hostile) == 12
    assert not any(row.reused for row in new)
    assert not {row.reply_id for row in old} & {row.reply_id for row in new}
    latest = rows_of(database, sampled(samples=6))
    assert [row.reply_id for row in latest] == [row.reply_id for row in new]


def test_a_fresh_run_that_is_resumed_pays_nothing_twice(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted = halts(monkeypatch)
    rows_of(database, a_plan("m", words=12))
    run_id = client.submit(database, a_plan("m", words=12, fresh=True, concurrency=2))
    for wanted in (4, 8):
        hostile.passes = wanted - runs.progress(database, run_id).done
        halted.clear()
        carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
        until(lambda wanted=wanted: runs.progress(database, run_id).done >= wanted)  # type: ignore[misc]
        runs.ask(database, run_id, "pause")
        until(lambda: halted)
        hostile.passes = None
        assert carrying.result(timeout=60) == "paused"
        runs.ask(database, run_id, "resume")
    assert carried_out(database, run_id) == "finished"
    assert hostile.calls("m") == 24
    assert not any(row.reused for row in result_rows(database, run_id))


def test_techniques_with_the_same_messages_share_their_replies_sample_by_sample(
    database: Database, hostile: HostileServer
) -> None:
    both = sampled(samples=6, techniques=["chain-of-thought", "self-consistency"])
    rows = rows_of(database, both)
    assert choices(hostile) == 6
    by_technique = [[row.reply_id for row in rows if row.technique == name] for name in both.techniques]
    assert by_technique[0] == by_technique[1]
    assert len(set(by_technique[0])) == 6
    assert [row.reused for row in rows] == [False] * 6 + [True] * 6


def test_the_second_of_two_shared_cells_asks_by_itself_when_the_first_failed(
    database: Database, hostile: HostileServer
) -> None:
    hostile.script("m", "filtered-empty", "ok")
    both = ["chain-of-thought", "self-consistency"]
    run_id = client.submit(database, a_plan("m", words=1, techniques=both, doubts=False))
    carried_out(database, run_id)
    assert [row.status for row in result_rows(database, run_id)] == ["failed", "answered"]
    assert resumed(database, run_id) == "finished"
    assert [row.status for row in result_rows(database, run_id)] == ["answered", "answered"]
    assert hostile.calls("m") == 2


def test_what_differs_only_in_its_variables_is_not_shared(database: Database, hostile: HostileServer) -> None:
    rows_of(database, a_plan(words=1))
    other = Prompt("other", (Message("user", "Say {{ word }}!"),))
    assert not rows_of(database, api.plan(other, [{"word": "w0"}], models="openai/ok"))[0].reused
    renamed = Prompt("another name", (Message("user", "Say {{ text }}."),))
    assert rows_of(database, api.plan(renamed, [{"text": "w0"}], models="openai/ok"))[0].reused
    assert hostile.calls("ok") == 2


def test_two_runs_of_one_plan_at_once_pay_once(database: Database, hostile: HostileServer) -> None:
    hostile.latency_s = 0.05
    ids = [client.submit(database, a_plan("m", words=8, concurrency=2)) for _ in range(2)]
    carrying = [loop.start(carry_out(database, run_id, connect=connections.connect)) for run_id in ids]
    assert [one.result(timeout=60) for one in carrying] == ["finished", "finished"]
    assert hostile.calls("m") == len(set(replies_of(database))) == 8


def test_two_names_of_one_address_pay_once(database: Database, hostile: HostileServer) -> None:
    hostile.latency_s = 0.05
    rows_of(database, replace(a_plan(words=8, concurrency=2), models=("openai/m", "many/m")))
    assert hostile.calls("m") == len(set(replies_of(database))) == 8
