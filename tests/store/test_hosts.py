"""Several hosts share a store: real runners with data folders of their own, a real PostgreSQL, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from promptgrid.cli import main
from promptgrid.runner import client, here
from promptgrid.store import Database, commits, runs, schema
from promptgrid.store.attempts import spent
from promptgrid.store.shared import hosts
from tests.running import RUNNER, a_plan, asked, kill, named, replies_of, statuses, until

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")

LEASE_S = 3.0  # of most tests
SOON = (
    f"import promptgrid.store.shared.leases as leases; leases.LEASE_S = {LEASE_S};"
    "import runpy; runpy.run_module('promptgrid.runner', run_name='__main__')"
)
SLOW_TO_WRITE = "import promptgrid.calls.journal as journal; journal._GROUP_S = 60;" + SOON

Host = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Starts a runner with the data folder of that name, and comes back when it is among the hosts of the store."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        with open(folder / "process.log", "ab") as log:
            environment = {**os.environ, "PROMPTGRID_HOME": str(folder)}
            command = [sys.executable, *(arguments or ("-c", SOON))]
            one = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        started.append(one)
        database = Database()
        until(lambda: any(f"process {one.pid}," in there.name for there in hosts.listed(database)))
        database.close()
        return one

    yield start
    for one in started:
        one.send_signal(signal.SIGCONT)
        kill(one)


def sent(hostile: HostileServer) -> Counter[str]:
    return asked([request.body for request in hostile.books.completions])


def finished(database: Database, *run_ids: str) -> Callable[[], bool]:
    return lambda: all(runs.find_run(database, run_id).status == "finished" for run_id in run_ids)


def owner(database: Database, run_id: str) -> str:
    """The name of the host that carries the run out."""
    return next((one.name for one in hosts.listed(database) if one.alive and run_id in one.work.runs), "")


def test_each_run_has_one_owner_and_nothing_is_sent_twice(
    database: Database, hostile: HostileServer, host: Host
) -> None:
    host("a")
    host("b")
    run_ids = [client.submit(database, a_plan(f"m{number}", words=12, concurrency=4)) for number in range(6)]
    until(finished(database, *run_ids))
    assert len(hostile.books.completions) == 72
    assert len(replies_of(database)) == len(set(replies_of(database))) == 72
    with database.read() as connection:
        assert set(connection.scalars(sa.select(schema.runs.c.epoch))) == {1}


def test_a_killed_host_loses_its_run_within_15_seconds_and_the_limit_of_calls_stays(
    database: Database, hostile: HostileServer, host: Host
) -> None:
    hostile.passes = 8
    first = host("a", *RUNNER)
    run_id = client.submit(database, a_plan(words=40, concurrency=4, max_calls=43))
    until(lambda: len(named(database, run_id)) == 8 and hostile.books.in_flight == 4)
    host("b", *RUNNER)
    time.sleep(1.0)
    assert sent(hostile).total() == 12  # the second host leaves a living one's run alone
    kill(first)
    hostile.passes = None
    until(lambda: len(named(database, run_id)) > 8, seconds=15.0)
    until(lambda: runs.find_run(database, run_id).status == "stopped")
    assert "limit of 43 calls" in runs.find_run(database, run_id).message
    assert sent(hostile).total() == statuses(database, run_id)["answered"] + 4 <= 43  # four were in flight
    assert spent(database, run_id).calls <= 43


def test_a_host_that_slept_through_a_takeover_sends_and_writes_nothing(
    database: Database, hostile: HostileServer, host: Host, tmp_path: Path
) -> None:
    hostile.passes = 8
    first = host("a")
    run_id = client.submit(database, a_plan(words=40, concurrency=1))
    until(lambda: len(named(database, run_id)) == 8 and hostile.books.in_flight == 1)
    host("b")
    first.send_signal(signal.SIGSTOP)
    until(lambda: f"{tmp_path / 'b'}" in owner(database, run_id))
    until(lambda: len(hostile.books.completions) == 10)
    answered = named(database, run_id)
    first.send_signal(signal.SIGCONT)
    until(lambda: "taken over by another runner" in (tmp_path / "a" / "process.log").read_text())
    time.sleep(1.0)
    assert len(hostile.books.completions) == 10
    assert named(database, run_id) == answered
    hostile.passes = None
    until(finished(database, run_id))
    assert statuses(database, run_id) == {"answered": 40}
    assert sent(hostile).total() == 40 + 1


def test_what_a_killed_host_had_received_is_taken_in_when_it_returns(
    database: Database, hostile: HostileServer, host: Host, tmp_path: Path
) -> None:
    hostile.passes = 6
    first = host("a", "-c", SLOW_TO_WRITE)
    run_id = client.submit(database, a_plan(words=10, concurrency=2))
    unsaved = tmp_path / "a" / "data" / "unsaved"
    until(lambda: sum(path.read_bytes().count(b"\n") for path in unsaved.glob("*.jsonl")) == 6)
    kill(first)
    hostile.passes = None
    host("b")
    until(finished(database, run_id))
    shown = shown_replies(database, run_id)
    assert len(replies_of(database)) == 10
    host("a")
    until(lambda: not list(unsaved.iterdir()))
    assert len(replies_of(database)) == 16  # paid for, and stored beside the later ones
    assert spent(database, run_id).calls == 16
    assert shown_replies(database, run_id) == shown


def shown_replies(database: Database, run_id: str) -> set[int]:
    query = sa.select(schema.cells.c.reply_id).where(schema.cells.c.run_id == run_id)
    with database.read() as connection:
        return set(connection.scalars(query))


def test_a_host_leaves_a_run_to_those_that_have_its_endpoints(
    database: Database, hostile: HostileServer, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = client.submit(database, a_plan(words=3))
    with monkeypatch.context() as without:
        without.delenv("OPENAI_BASE_URL")
        host("a")
    time.sleep(1.0)
    assert runs.find_run(database, run_id).status == "queued"
    host("b")
    until(finished(database, run_id))
    assert runs.find_run(database, run_id).message == ""


def test_a_command_follows_a_run_that_another_host_has(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan(words=3))
    epoch = commits.claim(database, run_id)
    with here.carried_out_here(database, run_id) as watch:
        states = here.follow(database, run_id, watch)
        assert next(states)[0].status == "running"
        assert not hostile.books.completions
        commits.end(database, run_id, epoch, "queued")
        *_, (info, progress) = states
    assert (info.status, progress.done) == ("finished", 3)


def test_hosts_says_who_is_there_and_what_no_host_can_do(
    database: Database, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No host is there" in CliRunner().invoke(main, ["hosts"]).output
    run_id = client.submit(database, a_plan(words=3))
    hosts.announce(database, "one", "north (process 1, /data)", hosts.Work(["r1"], ["local"], [], ["local/a"]))
    printed = CliRunner().invoke(main, ["hosts"])
    assert [word for word in ("north", "r1", "local/a") if word not in printed.stdout] == []
    assert f"Run {run_id} waits: no host has all endpoints that it calls (openai)" in printed.stderr
    hosts.leave(database, "one")
    assert "No host is there" in CliRunner().invoke(main, ["hosts"]).output
