"""Runs beside each other, and runs that change while somebody works on them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api, connections, grid, loop
from promptgrid.calls import call
from promptgrid.calls.pace import Pace
from promptgrid.calls.shared import Shared, shared_by_loop
from promptgrid.endpoint import ScriptedEndpoint
from promptgrid.errors import PlanError, StoreError
from promptgrid.models import learned
from promptgrid.runner import client, process
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, commits, runs
from promptgrid.store.schema import runs as runs_table
from tests.faults import modes
from tests.running import PROMPT, a_plan, carried_out, replies_of, statuses

if TYPE_CHECKING:
    from promptgrid.grid import Plan
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")


def test_what_one_run_gets_while_another_waits_its_turn_is_not_paid_again(
    database: Database, hostile: HostileServer
) -> None:
    hostile.latency_s = 0.05
    slow = client.submit(database, a_plan(words=60, concurrency=2))
    last = [{"word": f"w{n}"} for n in range(50, 60)]
    quick = client.submit(database, api.plan(PROMPT, last, models="openai/ok", concurrency=16))

    async def both() -> None:
        first = asyncio.create_task(carry_out(database, slow, connect=connections.connect))
        await asyncio.sleep(0.2)
        await asyncio.gather(first, carry_out(database, quick, connect=connections.connect))

    loop.run_sync(both())
    assert len(replies_of(database)) == len(set(replies_of(database))) == len(hostile.books.completions) == 60


def test_who_came_first_goes_first_and_nobody_waits_for_one_that_is_gone() -> None:
    async def run() -> list[str]:
        pace, went = Pace(1), []

        async def one(name: str) -> None:
            await pace.enter()
            went.append(name)
            pace.leave()

        await pace.enter()
        gone, *others = [asyncio.create_task(one(name)) for name in ("gone", "first", "second")]
        await asyncio.sleep(0)
        pace.closed_until = asyncio.get_running_loop().time() + 0.05  # who looks now waits for a timer
        pace.leave()
        gone.cancel()
        await asyncio.wait_for(asyncio.gather(*others), 5)
        return went

    assert asyncio.run(run()) == ["first", "second"]


def test_a_server_that_asks_to_wait_for_no_time_is_not_asked_without_end(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(modes.MODES, "zero", modes._rate_limited(retry_after=lambda: "0"))
    monkeypatch.setattr(call, "PATIENCE_S", 2.0)
    run_id = client.submit(database, a_plan("zero", words=1))
    assert carried_out(database, run_id) == "finished"
    assert statuses(database, run_id) == {"failed": 1}
    assert hostile.calls("zero") < 20


def test_a_run_that_has_ended_allows_nothing_any_more(database: Database, hostile: HostileServer) -> None:
    hostile.latency_s = 0.05
    narrow = client.submit(database, a_plan(words=1000, concurrency=2))
    wide = client.submit(database, a_plan("no-such", words=1, concurrency=32))

    async def both() -> int:
        working = asyncio.create_task(carry_out(database, narrow, connect=connections.connect))
        await carry_out(database, wide, connect=connections.connect)
        pace = shared_by_loop().paces[hostile.url]
        while pace.in_flight > 2:  # sent while the other one allowed it
            await asyncio.sleep(0.005)
        most, calls = 0, hostile.calls("ok")
        while hostile.calls("ok") < calls + 20:
            most = max(most, pace.in_flight)
            await asyncio.sleep(0.005)
        runs.ask(database, narrow, "cancel")
        await working
        return most

    assert loop.run_sync(both()) == 2


JUDGES = ("judge:model=openai/wise", "similarity:method=embedding,model=openai/vectors")


def judged(words: int, concurrency: int) -> Plan:
    cases = [{"word": f"w{n}", "expected": "ok"} for n in range(words)]
    return api.plan(PROMPT, cases, models="openai/ok", concurrency=concurrency, checks=JUDGES)


def test_judges_are_asked_no_more_at_a_time_than_the_plan_allows(database: Database, hostile: HostileServer) -> None:
    hostile.latency_s = 0.05
    hostile.answer = lambda body: str(body["messages"])  # each reply another: each is judged by a call
    run_id = client.submit(database, judged(words=12, concurrency=2))
    assert carried_out(database, run_id) == "finished"
    assert (hostile.calls("wise"), hostile.books.most_in_flight) == (12, 2)


def test_a_judge_that_is_done_allows_nothing_any_more(database: Database, hostile: HostileServer) -> None:
    hostile.latency_s = 0.05
    carried_out(database, client.submit(database, judged(words=1, concurrency=16)))
    carried_out(database, client.submit(database, a_plan(words=30, concurrency=2)))
    assert hostile.books.most_in_flight == 2


def test_a_database_that_cannot_be_read_for_a_moment_ends_no_runner(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = client.submit(database, a_plan(words=20, concurrency=2))
    looks, real = Counter[str](), commits.waiting_runs

    def failing(opened: Database) -> list[str]:
        looks["all"] += 1
        if looks["all"] == 2:
            raise StoreError("unable to open database file")
        return real(opened)

    monkeypatch.setattr(commits, "waiting_runs", failing)
    process.serve(database, idle_s=0.5)
    assert runs.find_run(database, run_id).status == "finished"


def test_one_click_resumes_a_run_whose_runner_died_while_pausing(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan())
    commits.claim(database, run_id)
    runs.ask(database, run_id, "pause")
    assert runs.ask(database, run_id, "resume") == "pausing"  # somebody is at work, and about to pause
    with database.write() as connection:
        connection.execute(runs_table.update().values(heartbeat=1.0))
    assert runs.ask(database, run_id, "resume") == "queued"
    assert carried_out(database, run_id) == "finished"


@pytest.fixture
def finished(database: Database) -> str:
    run_id = client.submit(database, a_plan(temperatures=(0.5,)))
    carried_out(database, run_id)
    return run_id


@pytest.mark.parametrize("meanwhile", ["extend", "resume"])
def test_a_run_that_changes_while_it_is_extended_is_left_alone(
    database: Database, finished: str, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    real = grid.decide
    once: list[bool] = []

    def decide(plan: Any) -> Any:
        if not once:
            once.append(True)
            if meanwhile == "extend":
                client.extend(database, finished, temperatures=[0.9])
            else:
                runs.ask(database, finished, "resume")
        return real(plan)

    monkeypatch.setattr(grid, "decide", decide)
    with pytest.raises(PlanError, match="in the meantime"):
        client.extend(database, finished, samples=2)
    assert carried_out(database, finished) == "finished"
    assert set(statuses(database, finished)) == {"answered"}


def test_what_was_learned_since_changes_nothing_of_a_run_that_is_extended(
    database: Database, hostile: HostileServer
) -> None:
    hostile.script("m", "server-error", "ok")
    run_id = client.submit(database, a_plan("m", words=2, temperatures=(0.2, 0.7), retries=0))
    carried_out(database, run_id)
    learned.remember(hostile.url, "m", "temperature", 0.2, "Only the default (1) value is supported.")
    sent = hostile.calls("m")
    assert client.extend(database, run_id, temperatures=[0.9]) == 2
    assert carried_out(database, run_id) == "finished"
    assert statuses(database, run_id) == {"answered": 6}
    assert hostile.calls("m") == sent + 3  # the failed one, and the two that are new


def test_the_calls_that_an_endpoint_allows_are_divided_among_the_hosts_that_call_it() -> None:
    shared, endpoint = Shared(), ScriptedEndpoint()
    with shared.pace(endpoint, 12) as pace:
        assert shared.calling == {endpoint.identity}
        for others, most in ((2, 4), (40, 1), (0, 12)):
            shared.share({endpoint.identity: others, "elsewhere": 9})
            assert pace.window.most == most
    assert not shared.calling
