"""What a run spends, by the server's own books, never crosses its budget: whatever fails, is lost or is killed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from promptgrid import connections, loop
from promptgrid.budget import parse_budget
from promptgrid.calls import call, journal
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs
from promptgrid.store.attempts import spent
from promptgrid.store.schema import attempts
from tests.faults import modes
from tests.running import RUNNER, a_plan, carried_out, halts, kill, named, process, resumed, statuses, until

if TYPE_CHECKING:
    from tests.faults.books import Books
    from tests.faults.server import HostileServer

ROOM = 12  # words a reply may have, and has
FAULTS = {
    "reset": 0.1,
    "half-body": 0.1,
    "server-error": 0.1,
    "rate-limited-ms": 0.1,
    "no-usage": 0.15,
    "null-content": 0.1,
    "drop": 0.05,
}


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Every reply is as long as it may be, and a token costs a dollar."""
    endpoint.answer = lambda body: "word " * 2 * ROOM
    monkeypatch.setattr(call, "_FIRST_WAIT_S", 0.002)
    settings(home, '[models."m"]\ninput_price = 1000000\noutput_price = 1000000\n', "models.toml")


def settings(home: Path, text: str, name: str = "endpoints.toml") -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / name).write_text(text)


@dataclass(frozen=True)
class Paid:
    """What the server charged."""

    calls: int
    tok: int

    @property
    def usd(self) -> int:
        return self.tok


def paid(books: Books) -> Paid:
    return Paid(sum(request.charged > 0 for request in books.completions), books.tokens)


def both(database: Database, run_id: str, books: Books, budget: str) -> tuple[float, float, float]:
    """In the budget's unit: what the server charged, what the run says it spent at most, and what it may."""
    amount = parse_budget(budget)
    assert amount is not None
    known = spent(database, run_id)
    ours = {"calls": known.calls, "tok": known.tokens, "usd": known.usd}[amount.unit]
    assert ours is not None
    return getattr(paid(books), amount.unit), ours, amount.amount


def to_the_last(database: Database, run_id: str) -> None:
    """Carries the run out, and resumes it until that brings nothing more."""
    carried_out(database, run_id)
    done, before = len(named(database, run_id)), -1
    while done > before:
        before = done
        resumed(database, run_id)
        done = len(named(database, run_id))


@pytest.mark.parametrize("budget", ["25calls", "1200tok", "1200usd"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_fault_makes_a_run_cross_its_budget(
    database: Database, hostile: HostileServer, budget: str, seed: int
) -> None:
    hostile.mix(FAULTS, seed)
    plan = a_plan("m", words=60, concurrency=8, max_tokens=ROOM, budget=budget)
    run_id = client.submit(database, plan)
    to_the_last(database, run_id)
    assert runs.find_run(database, run_id).status == "stopped"
    theirs, ours, amount = both(database, run_id, hostile.books, budget)
    assert 0.2 * amount < theirs <= ours <= amount


@pytest.mark.parametrize("technique", ["zero-shot", "self-refine:rounds=1"])
def test_no_fault_makes_a_run_cross_its_limit_of_calls(
    database: Database, hostile: HostileServer, technique: str
) -> None:
    hostile.mix(FAULTS, 3)
    plan = a_plan("m", words=60, concurrency=8, max_tokens=ROOM, techniques=[technique], max_calls=25)
    run_id = client.submit(database, plan)
    to_the_last(database, run_id)
    info = runs.find_run(database, run_id)
    assert (info.status, info.message[:28]) == ("stopped", "The limit of 25 calls is rea")
    assert 5 < paid(hostile.books).calls <= spent(database, run_id).calls <= 25
    runs.set_limits(database, run_id, max_calls=30)
    to_the_last(database, run_id)
    assert 25 < spent(database, run_id).calls <= 30


def test_calls_that_time_out_stay_reserved(
    database: Database, hostile: HostileServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(home, f'[slow]\nbase_url = "{hostile.url}"\ntimeout_s = 1\n')
    hostile.script("m", "slow-body")
    monkeypatch.setattr(modes, "SLOW_S", 8.0)
    plan = a_plan(words=30, concurrency=8, budget="10calls", max_tokens=ROOM)
    run_id = client.submit(database, replace(plan, models=("slow/m",)))
    to_the_last(database, run_id)
    assert hostile.calls("m") == spent(database, run_id).calls == 10
    until(lambda: hostile.hung_up == 10)


@pytest.mark.parametrize("budget", ["40calls", "3000tok", "3000usd"])
@pytest.mark.parametrize("mode", ["ok", "few-choices", "no-usage", "refuses-n"])
def test_samples_that_come_together_are_paid_as_what_they_cost(
    database: Database, hostile: HostileServer, home: Path, budget: str, mode: str
) -> None:
    settings(home, f'[many]\nbase_url = "{hostile.url}"\nmax_n = 4\n')
    hostile.script("m", mode)
    plan = a_plan(words=20, samples=10, concurrency=4, budget=budget, max_tokens=ROOM)
    run_id = client.submit(database, replace(plan, models=("many/m",)))
    to_the_last(database, run_id)
    theirs, ours, amount = both(database, run_id, hostile.books, budget)
    assert 0.2 * amount < theirs <= ours <= amount


@pytest.mark.parametrize("mode", ["no-usage", "ok"])
def test_calls_lost_with_a_killed_runner_stay_reserved(
    database: Database, hostile: HostileServer, home: Path, mode: str
) -> None:
    hostile.script("m", mode)
    run_id = client.submit(database, a_plan("m", words=90, concurrency=8, budget="60calls", max_tokens=ROOM))
    for _ in range(2):
        hostile.passes, wanted = 4, len(named(database, run_id)) + 4
        with process(home, *RUNNER) as runner:
            until(lambda wanted=wanted: len(named(database, run_id)) == wanted)  # type: ignore[misc]
            kill(runner)
        until(lambda: not hostile.books.in_flight)  # else the next calls to pass would be those of the killed runner
    hostile.passes = None
    with process(home, *RUNNER):
        until(lambda: runs.find_run(database, run_id).status == "stopped")
    to_the_last(database, run_id)
    assert "budget of 60 calls" in runs.find_run(database, run_id).message
    assert paid(hostile.books).calls <= 60
    assert spent(database, run_id).calls == 60
    assert 60 - len(named(database, run_id)) <= 2 * 16  # the calls of two killed runners, on their way or in line


def test_after_a_pause_nothing_stays_reserved(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted = halts(monkeypatch)
    run_id = client.submit(database, a_plan("m", words=400, concurrency=8, budget="400calls", max_tokens=ROOM))
    for wanted in range(10, 100, 10):
        hostile.passes = wanted - len(named(database, run_id))
        halted.clear()
        carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
        until(lambda wanted=wanted: len(named(database, run_id)) >= wanted)  # type: ignore[misc]
        runs.ask(database, run_id, "pause")
        until(lambda: halted)
        hostile.passes = None
        assert carrying.result(timeout=60) == "paused"
        assert reserved(database) == 0
        runs.ask(database, run_id, "resume")
    assert spent(database, run_id).calls == len(named(database, run_id)) == paid(hostile.books).calls


def reserved(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(attempts)) or 0)


@pytest.mark.parametrize("wanted", ["pause", "cancel"])
@pytest.mark.parametrize("moment", [0.1, 0.2])
def test_a_reservation_whose_call_is_never_sent_is_given_back(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch, moment: float, wanted: Any
) -> None:
    """The end is asked for while the reservation of the second call is on its way to the disk; one that was quicker,
    and was sent, stays reserved until it is answered."""
    monkeypatch.setattr(journal, "_GROUP_S", 0.6)
    monkeypatch.setattr(journal, "_RESERVE_S", 0.3)
    run_id = client.submit(database, a_plan("m", words=3, concurrency=1, budget="9calls", max_tokens=ROOM))
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: hostile.books.replies_sent == 1)
    time.sleep(moment)
    runs.ask(database, run_id, wanted)
    assert carrying.result(timeout=60) in ("paused", "cancelled")
    assert reserved(database) == len(hostile.books.completions) - len(named(database, run_id))


@pytest.mark.parametrize("refusal", ["rate-limited-ms", "refuses-temperature", "too-long", "unauthorized", "no-quota"])
def test_a_refusal_costs_nothing(database: Database, hostile: HostileServer, refusal: str) -> None:
    hostile.script("m", refusal, refusal, "ok")
    plan = a_plan("m", words=1, temperatures=[0.5], concurrency=1, budget="1calls", max_tokens=ROOM)
    run_id = client.submit(database, plan)
    to_the_last(database, run_id)
    assert spent(database, run_id).calls == paid(hostile.books).calls <= 1


def test_a_budget_that_is_enough_is_enough_at_any_concurrency(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "short"
    run_id = client.submit(database, a_plan("m", words=20, concurrency=8, budget="2000tok", max_tokens=500))
    assert carried_out(database, run_id) == "finished"
    assert statuses(database, run_id) == {"answered": 20}


@pytest.mark.parametrize("calls", [1, 10])
def test_a_budget_of_fewer_calls_than_could_be_in_flight_is_used(
    database: Database, hostile: HostileServer, calls: int
) -> None:
    run_id = client.submit(database, a_plan("m", words=30, concurrency=8, budget=f"{calls}calls"))
    assert carried_out(database, run_id) == "stopped"
    assert paid(hostile.books).calls == len(named(database, run_id)) == calls
