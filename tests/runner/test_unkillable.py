"""Whatever dies, and whenever: nothing committed is sent again, and the run goes on. Real processes, real signals."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from promptgrid import connections, loop
from promptgrid.errors import StoreError
from promptgrid.runner import carry_out as carrying_out
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.runner.lock import RunnerLock
from promptgrid.store import Database, commits, runs
from promptgrid.store.runs import RunStatus
from tests.running import (
    RUNNER,
    a_plan,
    asked,
    carried_out,
    kill,
    kill_pid,
    named,
    process,
    replies_of,
    resumed,
    statuses,
    until,
)

if TYPE_CHECKING:
    from tests.faults.disk import Disk
from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")

SLOW_TO_WRITE = (
    "import promptgrid.calls.journal as journal; journal._GROUP_S = 60;"
    "import runpy; runpy.run_module('promptgrid.runner', run_name='__main__')"
)


def is_(database: Database, run_id: str, status: RunStatus) -> bool:
    return runs.find_run(database, run_id).status == status


def sent(hostile: HostileServer, after: int = 0) -> Counter[str]:
    """How often each text was sent, from the request of that number on."""
    return asked([request.body for request in hostile.books.completions[after:]])


def committed(database: Database, run_id: str) -> set[str]:
    """The texts of the cells that have a reply; a cell's position is its word's number."""
    return {f"Say w{position}." for position in named(database, run_id)}


@pytest.mark.parametrize("kills", [1, 2])
def test_after_each_kill_only_what_has_no_reply_is_sent(
    database: Database, hostile: HostileServer, home: Path, kills: int
) -> None:
    run_id = client.submit(database, a_plan(words=40, concurrency=4))
    for time_ in range(1, kills + 1):
        hostile.passes = 8
        with process(home, *RUNNER) as runner:
            until(lambda wanted=8 * time_: len(named(database, run_id)) == wanted and hostile.books.in_flight == 4)  # type: ignore[misc]
            kill(runner)
        until(lambda: not hostile.books.in_flight)
        before_kill, before = committed(database, run_id), len(hostile.books.completions)
    hostile.passes = None
    with process(home, *RUNNER):
        until(lambda: is_(database, run_id, "finished"))
    assert not before_kill & sent(hostile, before).keys()
    assert statuses(database, run_id) == {"answered": 40}
    assert len(replies_of(database)) == len(set(replies_of(database))) == 40
    assert sent(hostile).total() == 40 + 4 * kills
    assert hostile.books.most_in_flight == 4


def test_a_runner_killed_while_it_pauses_leaves_a_paused_run(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.script("m", "ok", "ok", "hang", "ok")
    run_id = client.submit(database, a_plan("m", words=5, concurrency=1))
    with process(home, *RUNNER) as runner:
        until(lambda: hostile.calls("m") == 3)
        assert runs.ask(database, run_id, "pause") == "pausing"
        kill(runner)
    with process(home, *RUNNER):
        until(lambda: is_(database, run_id, "paused"))
        assert hostile.calls("m") == 3
        runs.ask(database, run_id, "resume")
        until(lambda: is_(database, run_id, "finished"))
    assert hostile.calls("m") == 6  # the call that hung, once more


def test_a_runner_killed_before_it_could_cancel_leaves_a_cancelled_run(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.script("m", "ok", "hang")
    run_id = client.submit(database, a_plan("m", words=5, concurrency=1))
    with process(home, *RUNNER) as runner:
        until(lambda: hostile.calls("m") == 2 and len(named(database, run_id)) == 1)
        runner.send_signal(signal.SIGSTOP)
        assert runs.ask(database, run_id, "cancel") == "cancelling"
        kill(runner)
    with process(home, *RUNNER):
        until(lambda: is_(database, run_id, "cancelled"))
    assert statuses(database, run_id) == {"answered": 1, "cancelled": 4}
    assert hostile.calls("m") == 2


@pytest.mark.parametrize("wanted", ["resume", "cancel"])
def test_replies_that_a_killed_runner_had_not_committed_are_kept(
    database: Database, hostile: HostileServer, home: Path, wanted: Any
) -> None:
    run_id = client.submit(database, a_plan(words=6, concurrency=6))
    with process(home, "-c", SLOW_TO_WRITE) as runner:
        until(lambda: hostile.books.replies_sent == 6 and unsaved(home) == 6)
        assert not named(database, run_id)
        kill(runner)
    runs.ask(database, run_id, wanted)
    carried_out(database, run_id)
    assert unsaved(home) == 0
    assert len(replies_of(database)) == 6
    assert carried_out(database, client.submit(database, a_plan(words=6))) == "finished"
    assert hostile.calls("ok") == 6


def test_the_same_plan_started_anew_takes_in_what_the_killed_runner_had_not_committed(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    first = client.submit(database, a_plan(words=6, concurrency=6))
    with process(home, "-c", SLOW_TO_WRITE) as runner:
        until(lambda: hostile.books.replies_sent == 6 and unsaved(home) == 6)
        kill(runner)
    assert carried_out(database, client.submit(database, a_plan(words=6))) == "finished"
    assert hostile.calls("ok") == 6
    assert resumed(database, first) == "finished"
    assert hostile.calls("ok") == 6
    assert len(replies_of(database)) == 6


def test_a_file_of_unsaved_replies_that_is_damaged_is_set_aside_and_the_run_goes_on(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    run_id = client.submit(database, a_plan(words=2))
    folder = home / "data" / "unsaved"
    folder.mkdir(parents=True)
    foreign = (
        b'\xff\xfe\n{"rows": [{"key": "k", "sample": 0, "created": 1.0, "text": "x", "no": 1}], "settled": null}\n[1]\n'
    )
    (folder / f"{run_id}.1.0.jsonl").write_bytes(foreign)
    assert carried_out(database, run_id) == "finished"
    assert [path.read_bytes() for path in folder.iterdir()] == [foreign]
    assert [path.suffix for path in folder.iterdir()] == [".damaged"]


def unsaved(home: Path) -> int:
    return sum(file.read_text().count("\n") for file in home.glob("data/unsaved/*"))


def test_a_dashboard_that_comes_back_goes_on_with_the_run_by_itself(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.passes = 4
    run_id = client.submit(database, a_plan(words=30, concurrency=2))
    with dashboard(home) as first:
        until(lambda: len(named(database, run_id)) == 4 and hostile.books.in_flight == 2)
        kill(first)
        kill_pid(runner_pid())
    until(lambda: not hostile.books.in_flight)
    hostile.passes = None
    before_kill, before = committed(database, run_id), len(hostile.books.completions)
    with dashboard(home):
        until(lambda: is_(database, run_id, "finished"))
    assert not before_kill & sent(hostile, before).keys()
    assert sent(hostile).total() == 30 + 2


def test_a_dead_runners_run_is_taken_over_within_15_seconds(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.passes = 2
    client.submit(database, a_plan(words=40, concurrency=1))
    began = time.monotonic()
    with dashboard(home):
        until(lambda: hostile.calls("ok") == 3)
        starts_s = time.monotonic() - began
        kill_pid(runner_pid())
        # ten seconds of silence and the start of a process, which a machine that is busy now delays
        until(lambda: hostile.calls("ok") > 3, seconds=max(15.0, 12.0 + starts_s))


@contextmanager
def dashboard(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that watches over the runs as the dashboard does. When the block ends, the runner that it started is
    killed too."""
    with process(home, "-c", "from promptgrid.runner import client; client.watch_over()") as watching:
        try:
            yield watching
        finally:
            kill(watching)
            if RunnerLock().holder():
                kill_pid(runner_pid())


def runner_pid() -> int:
    holder = RunnerLock().holder()
    assert holder is not None
    return holder.pid


@pytest.mark.parametrize("how", ["resume", "runner"])
def test_a_killed_command_is_gone_on_with(database: Database, hostile: HostileServer, home: Path, how: str) -> None:
    hostile.passes = 6
    (home / "words.csv").write_text("word\n" + "".join(f"w{n}\n" for n in range(30)))
    (home / "say.prompty").write_text("---\nname: say\n---\nuser:\nSay {{ word }}.\n")
    words = ("--cases", "words.csv", "--model", "openai/ok", "--concurrency", "2")
    with process(home, "-m", "promptgrid", "run", "say.prompty", *words) as command:
        until(lambda: hostile.calls("ok") == 8)
        run_id = runs.find_run(database, "last").id
        until(lambda: len(named(database, run_id)) == 6)
        kill(command)
    until(lambda: not hostile.books.in_flight)
    before_kill, before = committed(database, run_id), len(hostile.books.completions)
    hostile.passes = None
    again = RUNNER if how == "runner" else ("-m", "promptgrid", "resume", run_id)
    with process(home, *again) as going_on:
        until(lambda: is_(database, run_id, "finished"))
        assert how == "runner" or going_on.wait(60) == 0
    assert not before_kill & sent(hostile, before).keys()
    assert statuses(database, run_id) == {"answered": 30}


def stop(runner: subprocess.Popen[bytes]) -> None:
    """Stops the process, and comes back when none of its threads runs: on a busy machine the others go on for a while
    after the signal."""
    runner.send_signal(signal.SIGSTOP)
    threads = Path(f"/proc/{runner.pid}/task")  # of Linux
    until(lambda: all(") T " in thread.read_text() for thread in threads.glob("*/stat")))


def test_a_runner_that_slept_through_a_takeover_sends_and_writes_nothing(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.passes = 8
    run_id = client.submit(database, a_plan(words=60, concurrency=4))
    with process(home, *RUNNER) as runner:
        until(lambda: len(named(database, run_id)) == 8 and hostile.books.in_flight == 4)
        stop(runner)
        hostile.passes = None
        mine = commits.claim(database, run_id)  # as a second machine on the same folder does

        def beside_the_other(true: Callable[[], bool]) -> bool:
            commits.beat(database, run_id, mine, {})  # it is alive for as long as this takes
            return true()

        until(lambda: beside_the_other(lambda: not hostile.books.in_flight))
        time.sleep(1.0)  # as long as the runner trusts its last look at the epoch, and more
        before_kill, before = named(database, run_id), hostile.calls("ok")
        commits.beat(database, run_id, mine, {})
        runner.send_signal(signal.SIGCONT)
        log = home / "process.log"
        until(lambda: beside_the_other(lambda: "taken over by another runner" in log.read_text()))
        for _ in range(8):
            time.sleep(0.25)
            commits.beat(database, run_id, mine, {})
        assert hostile.calls("ok") == before
        assert named(database, run_id) == before_kill
        until(lambda: hostile.calls("ok") > before)  # and now it is not
        until(lambda: is_(database, run_id, "finished"))
    assert statuses(database, run_id) == {"answered": 60}


def test_a_call_whose_run_is_taken_over_while_it_connects_is_not_sent(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = client.submit(database, a_plan(words=5, concurrency=1))
    connect = aiohttp.TCPConnector.connect

    async def slept(self: aiohttp.TCPConnector, request: aiohttp.ClientRequest, *rest: Any, **options: Any) -> Any:
        connection = await connect(self, request, *rest, **options)
        if request.method == "POST":
            await asyncio.to_thread(commits.claim, database, run_id)
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", slept)
    monkeypatch.setattr(carrying_out, "_EPOCH_S", -1.0)  # any look may be too old
    monkeypatch.setattr(carrying_out, "_WATCH_S", 60.0)
    with pytest.raises(commits.Fenced):
        carried_out(database, run_id)
    assert hostile.calls("ok") == 0


def test_a_look_at_the_run_is_as_old_as_its_beginning(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = client.submit(database, a_plan(words=1))
    status_and_epoch = commits.status_and_epoch
    epochs = [commits.claim(database, run_id)]

    def slept(database: Database, run_id: str) -> Any:
        reading = status_and_epoch(database, run_id)
        if len(epochs) == 1:
            epochs.append(commits.claim(database, run_id))
            time.sleep(0.2)
        return reading

    monkeypatch.setattr(commits, "status_and_epoch", slept)
    monkeypatch.setattr(carrying_out, "_EPOCH_S", 0.1)

    async def look() -> None:
        run = carrying_out._Run(database, run_id, epochs[0])
        run.epoch_read_at = 0.0
        await run._still_ours()

    with pytest.raises(commits.Fenced):
        loop.run_sync(look())


def test_of_two_runners_one_works_and_the_other_takes_over(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.passes = 4
    run_id = client.submit(database, a_plan(words=100, concurrency=2))
    with process(home, *RUNNER) as one, process(home, *RUNNER) as two:
        until(lambda: len(named(database, run_id)) == 4 and hostile.books.in_flight == 2)
        until(lambda: RunnerLock().awaited)
        assert hostile.books.most_in_flight == 2
        assert set(sent(hostile).values()) == {1}
        kill(one if one.pid == runner_pid() else two)
        until(lambda: not hostile.books.in_flight)
        before, before_kill = len(hostile.books.completions), committed(database, run_id)
        hostile.passes = None
        until(lambda: is_(database, run_id, "finished"))
    assert not before_kill & sent(hostile, before).keys()
    assert sent(hostile).total() == 100 + 2


def test_a_cancel_hangs_up_all_calls_in_flight(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan("hang", words=20, concurrency=8))
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: hostile.books.in_flight == 8)
    asked_at = time.monotonic()
    runs.ask(database, run_id, "cancel")
    assert carrying.result(timeout=60) == "cancelled"
    until(lambda: hostile.hung_up == 8)
    assert time.monotonic() - asked_at < 10
    assert statuses(database, run_id) == {"cancelled": 20}
    assert hostile.calls("hang") == 8


def test_a_pause_lets_all_calls_in_flight_come_in(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan("slow", words=400, concurrency=8))
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: hostile.books.in_flight == 8)
    runs.ask(database, run_id, "pause")
    assert carrying.result(timeout=60) == "paused"
    assert hostile.hung_up == 0
    calls = hostile.calls("slow")
    assert 8 <= calls < 400
    assert statuses(database, run_id) == {"answered": calls, "pending": 400 - calls}


def test_what_is_in_flight_comes_in_when_the_heartbeat_cannot_be_written(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        if hostile.books.most_in_flight == 4:
            raise StoreError("The disk is full.")

    monkeypatch.setattr("promptgrid.runner.carry_out._BEAT_S", 0.0)
    run_id = client.submit(database, a_plan("slow", words=400, concurrency=4))
    monkeypatch.setattr(commits, "beat", full)
    assert carried_out(database, run_id) == "stopped"
    assert "disk is full" in runs.find_run(database, run_id).message
    assert hostile.hung_up == 0
    assert len(named(database, run_id)) == hostile.calls("slow") >= 4


def test_a_full_disk_stops_the_run_and_loses_nothing_that_was_committed(
    database: Database, hostile: HostileServer, disk: Disk
) -> None:
    hostile.latency_s, hostile.passes = 0.02, 20
    hostile.answer = lambda body: "word " * 400
    run_id = client.submit(database, a_plan(words=200, concurrency=4))
    carrying = loop.start(carry_out(database, run_id, connect=connections.connect))
    until(lambda: len(named(database, run_id)) == 20)
    disk.room, hostile.passes = 0, None
    until(lambda: disk.refused)
    before_kill = committed(database, run_id)
    until(lambda: not hostile.books.in_flight)
    disk.room = None
    assert carrying.result(timeout=60) == "stopped"
    assert "disk is full" in runs.find_run(database, run_id).message
    assert before_kill <= committed(database, run_id)
    assert len(named(database, run_id)) == hostile.calls("ok") < 200  # what was paid meanwhile waited for the disk
    assert resumed(database, run_id) == "finished"
    assert set(sent(hostile).values()) == {1}
    assert statuses(database, run_id) == {"answered": 200}
