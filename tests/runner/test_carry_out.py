"""The runner over real sockets, against the hostile endpoint."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api, connections, loop
from promptgrid.calls import call
from promptgrid.calls.feed import Feed, PendingCells
from promptgrid.grid import Plan
from promptgrid.grid.planned_points import PlannedPoint
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client, here
from promptgrid.runner.carry_out import carry_out
from promptgrid.runner.lock import RunnerLock
from promptgrid.store import Database, attempts, commits, runs
from promptgrid.store.results import ResultRow, result_rows
from promptgrid.store.runs import RunStatus
from tests.running import halts, until

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")
PROMPT = Prompt("say", (Message("user", "Say {{ word }}."),), answer=AnswerRule("label", labels=("yes", "no")))


def a_plan(model: str = "ok", words: int = 3, **changes: Any) -> Plan:
    cases = [{"word": f"yes{n}", "expected": "yes"} for n in range(words)]
    return api.plan(PROMPT, cases, models=f"openai/{model}", **changes)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first wait before a call is sent again is 2 ms, in place of half a second."""
    monkeypatch.setattr(call, "_FIRST_WAIT_S", 0.002)


def carried_out(database: Database, plan: Plan) -> tuple[str, RunStatus, list[ResultRow]]:
    run_id = client.submit(database, plan)
    status = loop.run_sync(carry_out(database, run_id, connect=connections.connect))
    return run_id, status, list(result_rows(database, run_id))


def test_every_cell_is_answered_read_and_scored(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "Yes, of course."
    _, status, rows = carried_out(database, a_plan(temperatures=[0, 1], samples=2))
    assert status == "finished"
    assert Counter(row.status for row in rows) == {"answered": 12}
    assert {row.answer for row in rows} == {"yes"}
    assert {row.scores["label"].value for row in rows} == {1.0}
    assert hostile.calls("ok") == 12
    assert json.loads(rows[0].request_json or "")["messages"] == [{"role": "user", "content": "Say yes0."}]


def test_repeating_a_finished_run_sends_nothing(database: Database, hostile: HostileServer) -> None:
    carried_out(database, a_plan(samples=2))
    _, status, rows = carried_out(database, a_plan(samples=2))
    assert (status, hostile.calls("ok")) == ("finished", 6)
    assert all(row.reused and row.attempts == 0 for row in rows)


def test_five_to_twenty_samples_sends_fifteen(database: Database, hostile: HostileServer) -> None:
    carried_out(database, a_plan(words=1, samples=5))
    _, _, rows = carried_out(database, a_plan(words=1, samples=20))
    assert hostile.calls("ok") == 20
    assert Counter(row.reused for row in rows) == {True: 5, False: 15}


@pytest.mark.parametrize("again", [False, True])
def test_the_claims_of_a_run_do_not_grow_with_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    plan, claims = a_plan(words=4000), list[int]()  # ten lots, so that a first commit comes before the last of them
    if again:
        carried_out(database, plan)
    claim = Feed.claim

    def counted(feed: Feed, chunk: Sequence[PendingCells]) -> list[PendingCells]:
        mine = claim(feed, chunk)
        claims.append(len(feed.claimed))
        return mine

    monkeypatch.setattr(Feed, "claim", counted)
    _, status, rows = carried_out(database, plan)
    assert (status, len(rows), len(claims)) == ("finished", 4000, 10)
    assert claims[-1] < 4000


def test_fresh_asks_again(database: Database, hostile: HostileServer) -> None:
    carried_out(database, a_plan())
    carried_out(database, a_plan(fresh=True))
    assert hostile.calls("ok") == 6


def test_a_cell_that_two_techniques_share_is_sent_once(database: Database, hostile: HostileServer) -> None:
    both = ["chain-of-thought", "self-consistency"]
    _, _, rows = carried_out(database, a_plan(words=1, techniques=both, doubts=False))
    assert hostile.calls("ok") == 1
    assert [row.status for row in rows] == ["answered", "answered"]


@pytest.mark.usefixtures("short_waits")
def test_what_passes_is_retried_and_counted(database: Database, hostile: HostileServer) -> None:
    run_id, status, rows = carried_out(database, a_plan("rate-limited-ms+server-error+ok", words=1))
    assert (status, rows[0].status, rows[0].attempts) == ("finished", "answered", 3)
    assert runs.progress(database, run_id).retried == 2


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("bad", ["bad-json", "half-body", "html", "no-choices", "broken-off", "null-content"])
def test_what_cannot_be_read_is_sent_again_twice_and_no_more(
    database: Database, hostile: HostileServer, bad: str
) -> None:
    _, _, rows = carried_out(database, a_plan(f"{bad}+{bad}+ok", words=1))
    assert (rows[0].status, rows[0].attempts) == ("answered", 3)
    _, status, rows = carried_out(database, a_plan(bad, words=1, retries=9))
    assert (status, rows[0].status, rows[0].attempts, hostile.calls(bad)) == ("finished", "failed", 3, 3)


@pytest.mark.parametrize("model", ["filtered-empty", "only-reasoning", "tool-call"])
def test_a_whole_reply_without_an_answer_is_paid_once(database: Database, hostile: HostileServer, model: str) -> None:
    _, status, rows = carried_out(database, a_plan(model, words=1))
    assert (status, rows[0].status, rows[0].error_kind, hostile.calls(model)) == ("finished", "failed", "no_answer", 1)
    assert not rows[0].scores


@pytest.mark.usefixtures("short_waits")
def test_a_limit_told_with_status_200_is_waited_for(database: Database, hostile: HostileServer) -> None:
    model = "+".join(["limited-inside"] * 4) + "+ok"  # more often than faults are retried
    _, _, rows = carried_out(database, a_plan(model, words=1, retries=1))
    assert (rows[0].status, rows[0].attempts) == ("answered", 5)


def test_a_model_of_other_words_is_asked_in_them_in_the_same_run(database: Database, hostile: HostileServer) -> None:
    run_id, _, rows = carried_out(database, a_plan("refuses-max-tokens", words=3, max_tokens=9, concurrency=1))
    assert [row.status for row in rows] == ["answered"] * 3
    assert hostile.calls("refuses-max-tokens") == 4
    assert [row.attempts for row in rows] == [2, 1, 1]
    (refused,) = attempts.log(database, run_id, 0)
    assert (refused.number, refused.kind, refused.wait_s) == (1, "refused_parameter", 0.0)
    assert "max_completion_tokens" in refused.message
    assert (refused.ms or 0) > 0
    assert attempts.spent(database, run_id).calls == 3
    _, _, rows = carried_out(database, a_plan("refuses-max-tokens", words=3, max_tokens=9, concurrency=1))
    assert all(row.reused for row in rows)


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        ("html", "failed", "OPENAI_BASE_URL|base URL"),
        ("bad-json", "failed", "JSON"),
        ("null-content", "failed", "no text|null|empty"),
        ("too-long", "too_long", "context"),
        ("refuses-temperature", "refused", "temperature"),
        ("hostile-error", "failed", "!\\["),
    ],
)
def test_a_cell_ends_with_its_reason_and_the_run_goes_on(
    database: Database, model: str, status: str, message: str
) -> None:
    plan = a_plan(model, words=1, temperatures=[0.5])
    both = replace(plan, models=(*plan.models, "openai/ok"), retries=0)
    _, ended, rows = carried_out(database, both)
    assert ended == "finished"
    assert [row.status for row in rows] == [status, "answered"]
    assert re.search(message, rows[0].error, re.IGNORECASE), rows[0].error


@pytest.mark.parametrize(("model", "calls"), [("html", 3), ("not-found", 1)])
def test_a_wrong_base_url_stops_the_run_after_the_tries_of_one_cell(
    database: Database, hostile: HostileServer, model: str, calls: int
) -> None:
    _, ended, rows = carried_out(database, a_plan(model, words=100, concurrency=1))
    assert hostile.calls(model) == calls
    assert (ended, Counter(row.status for row in rows)) == ("finished", {"failed": 100})
    assert all("Check the base URL" in row.error for row in rows)


def test_a_page_of_an_endpoint_that_was_readable_stops_nothing(database: Database, hostile: HostileServer) -> None:
    plan = a_plan("ok+html", words=10, concurrency=1, retries=0)
    _, _, rows = carried_out(database, plan)
    assert hostile.calls("ok+html") == 10
    assert Counter(row.status for row in rows) == {"answered": 1, "failed": 9}


@pytest.mark.parametrize("model", ["unauthorized", "no-quota", "unknown-model"])
def test_what_cannot_get_better_stops_that_endpoint_at_once(
    database: Database, hostile: HostileServer, model: str
) -> None:
    _, _, rows = carried_out(database, a_plan(model, words=100, concurrency=1))
    assert {row.status for row in rows} == {"failed"}
    assert hostile.calls(model) == 1
    assert len({row.error for row in rows}) == 1


def test_an_endpoint_that_is_down_is_a_failed_cell(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    _, _, rows = carried_out(database, a_plan(words=1, retries=0))
    assert rows[0].status == "failed"
    assert "127.0.0.1:9" in rows[0].error


def test_a_pause_lets_the_calls_in_flight_come_in(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile.passes, halted = 2, halts(monkeypatch)
    run_id = client.submit(database, a_plan(words=5, concurrency=1))
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: hostile.calls("ok") == 3)
    runs.ask(database, run_id, "pause")
    until(lambda: halted)
    hostile.passes = None
    assert carrying.result(timeout=60) == "paused"
    assert Counter(r.status for r in result_rows(database, run_id)) == {"answered": 3, "pending": 2}
    runs.ask(database, run_id, "resume")
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == "finished"
    assert hostile.calls("ok") == 5


@pytest.mark.parametrize("paused_first", [False, True])
def test_a_cancel_ends_the_calls_in_flight(database: Database, hostile: HostileServer, paused_first: bool) -> None:
    run_id = client.submit(database, a_plan("ok+ok+hang", words=5, concurrency=1))
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: hostile.calls("ok+ok+hang") == 3)
    if paused_first:
        assert runs.ask(database, run_id, "pause") == "pausing"
        until(lambda: runs.progress(database, run_id).in_flight == 1)
    runs.ask(database, run_id, "cancel")
    assert carrying.result(timeout=60) == "cancelled"  # not the two minutes that a call may take
    assert Counter(r.status for r in result_rows(database, run_id)) == {"answered": 2, "cancelled": 3}
    until(lambda: hostile.hung_up == 1)


def test_resume_tries_failed_cells_again(database: Database, hostile: HostileServer) -> None:
    run_id, _, _ = carried_out(database, a_plan("html+ok", words=3, concurrency=1))
    runs.ask(database, run_id, "resume")
    loop.run_sync(carry_out(database, run_id, connect=connections.connect))
    assert Counter(r.status for r in result_rows(database, run_id)) == {"answered": 3}
    assert hostile.calls("html+ok") == 4


def test_a_budget_is_a_wall(database: Database, hostile: HostileServer) -> None:
    run_id, status, rows = carried_out(database, a_plan(words=5, budget="2calls", concurrency=1))
    assert status == "stopped"
    assert hostile.calls("ok") == 2
    assert Counter(row.status for row in rows) == {"answered": 2, "pending": 3}
    assert "budget of 2 calls" in runs.find_run(database, run_id).message


def test_a_refusal_costs_nothing_of_the_budget(database: Database, hostile: HostileServer) -> None:
    model = "rate-limited-ms+rate-limited-ms+ok"
    _, status, _ = carried_out(database, a_plan(model, words=1, budget="1calls"))
    assert (status, hostile.calls(model)) == ("finished", 3)


@pytest.mark.parametrize(("wanted", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_what_is_asked_before_the_runner_comes_is_heeded(
    database: Database, hostile: HostileServer, wanted: Any, status: str
) -> None:
    run_id = client.submit(database, a_plan())
    runs.ask(database, run_id, wanted)
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == status
    assert hostile.calls("ok") == 0


def test_a_cancel_that_a_dead_runner_left_behind_is_heeded(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan())
    commits.claim(database, run_id)
    assert runs.ask(database, run_id, "cancel") == "cancelling"
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == "cancelled"
    assert hostile.calls("ok") == 0


def test_a_run_is_taken_over_when_the_process_before_has_ended(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan())
    other = RunnerLock()
    assert other.acquire(stays=False)
    with here.carried_out_here(database, run_id) as watch:
        states = here.follow(database, run_id, watch)
        assert next(states)[0].status == "queued"
        other.release()
        *_, (last, _) = states
    assert last.status == "finished"
    assert RunnerLock().holder() is None


def test_nothing_keeps_spending_when_the_caller_is_gone(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan("slow", words=20, concurrency=1))

    def interrupted() -> None:
        with here.carried_out_here(database, run_id):
            until(lambda: hostile.calls("slow") >= 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    sent = hostile.calls("slow")
    assert runs.find_run(database, run_id).status == "paused"
    assert RunnerLock().holder() is None
    time.sleep(0.8)
    assert hostile.calls("slow") == sent


def test_planning_leaves_the_database_to_others(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def writes_meanwhile(self: Any) -> bool:
        runs.change(Database(), first, note="written while planning")
        return True

    first = client.submit(database, a_plan())
    monkeypatch.setattr(PlannedPoint, "fits", property(writes_meanwhile))
    client.submit(database, a_plan())
    assert runs.find_run(database, first).note == "written while planning"


def test_a_prompt_with_odd_line_ends_runs(database: Database, hostile: HostileServer) -> None:
    odd = Prompt("odd", (Message("user", "one\u2028two\x0cthree {{ word }}"),))
    _, status, rows = carried_out(database, api.plan(odd, [{"word": "x"}], models="openai/ok"))
    assert (status, rows[0].status) == ("finished", "answered")


def test_a_runner_that_lost_the_run_writes_nothing(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan("slow", words=2, concurrency=1))

    async def lose_it() -> None:
        carrying = asyncio.create_task(carry_out(database, run_id, connect=connections.connect))
        while not hostile.calls("slow"):
            await asyncio.sleep(0.01)
        commits.claim(database, run_id)
        await carrying

    with pytest.raises(commits.Fenced):
        loop.run_sync(lose_it())
    assert Counter(r.status for r in result_rows(database, run_id)) == {"pending": 2}


def test_a_run_does_not_go_to_another_server_than_planned(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = client.submit(database, a_plan())
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == "stopped"
    assert "base URL" in runs.find_run(database, run_id).message
    assert hostile.calls("ok") == 0


def runner_process(home: Path, hostile: HostileServer) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PROMPTGRID_HOME": str(home), "OPENAI_BASE_URL": hostile.url}
    return subprocess.Popen([sys.executable, "-m", "promptgrid.runner"], env=environment, cwd=home)


def test_a_killed_runners_run_is_finished_by_the_next_one(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.passes = 3
    run_id = client.submit(database, a_plan(words=12, concurrency=2))
    first = runner_process(home, hostile)
    until(lambda: runs.progress(database, run_id).done == 3 and hostile.books.in_flight == 2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: not hostile.books.in_flight)
    hostile.passes = None
    second = runner_process(home, hostile)
    until(lambda: runs.find_run(database, run_id).status == "finished")
    second.terminate()
    second.wait()
    assert Counter(r.status for r in result_rows(database, run_id)) == {"answered": 12}
    assert hostile.calls("ok") == 12 + 2  # nothing that was committed is sent again


def test_only_one_successor_waits_for_a_busy_runner(hostile: HostileServer, home: Path) -> None:
    busy = RunnerLock()
    assert busy.acquire()
    waiting = [runner_process(home, hostile) for _ in range(3)]
    until(lambda: sum(process.poll() is None for process in waiting) == 1)
    assert busy.awaited
    for process in waiting:
        process.kill()
        process.wait()
    busy.release()


def test_two_runners_never_work_at_once(hostile: HostileServer) -> None:
    mine, other = RunnerLock(), RunnerLock()
    assert mine.acquire()
    assert not other.acquire()
    holder = other.holder()
    assert holder is not None
    assert holder.pid == os.getpid()
    mine.release()
    assert other.holder() is None
