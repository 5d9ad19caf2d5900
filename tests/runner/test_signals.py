"""Signals end a process as a pause does, and a stopped process loses no answer. Real processes, real signals."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.runner import client
from promptgrid.store import Database, runs
from tests.running import RUNNER, a_plan, asked, carried_out, process, statuses, until

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")

CALLS = 8


def sent(hostile: HostileServer) -> Counter[str]:
    return asked([request.body for request in hostile.books.completions])


def test_a_process_that_was_stopped_reads_the_answers_that_arrived_meanwhile(
    database: Database, hostile: HostileServer, home: Path
) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "endpoints.toml").write_text(f'[openai]\nbase_url = "{hostile.url}"\ntimeout_s = 4\n')
    hostile.passes = 0
    run_id = client.submit(database, a_plan(words=CALLS, concurrency=CALLS))
    with process(home, *RUNNER) as runner:
        until(lambda: hostile.books.in_flight == CALLS)
        runner.send_signal(signal.SIGSTOP)
        hostile.passes = None
        until(lambda: not hostile.books.in_flight)
        time.sleep(4.0)  # every call's time has passed
        runner.send_signal(signal.SIGCONT)
        until(lambda: runs.find_run(database, run_id).status == "finished")
    assert statuses(database, run_id) == {"answered": CALLS}
    assert set(sent(hostile).values()) == {1}


@pytest.mark.parametrize(
    ("command", "name"), [("runner", "SIGTERM"), ("run", "SIGTERM"), ("run", "SIGHUP"), ("run", "SIGINT")]
)
def test_a_process_that_is_asked_to_end_pauses_its_run_and_takes_in_the_calls_in_flight(
    command: str, name: str, database: Database, hostile: HostileServer, home: Path
) -> None:
    hostile.passes = 0
    run_id = client.submit(database, a_plan(words=100, concurrency=CALLS))
    arguments = RUNNER if command == "runner" else ("-m", "promptgrid", "resume", run_id)
    with process(home, *arguments) as carrying:
        until(lambda: hostile.books.in_flight == CALLS)
        carrying.send_signal(getattr(signal, name))
        until(lambda: runs.find_run(database, run_id).status == "pausing")
        hostile.latency_s, hostile.passes = 1.0, None  # those that are sent before the process reads that are slow
        carrying.wait(60)
    assert runs.find_run(database, run_id).status == "paused"
    assert statuses(database, run_id)["answered"] == len(hostile.books.completions) < 100
    hostile.latency_s = 0.0
    runs.ask(database, run_id, "resume")
    assert carried_out(database, run_id) == "finished"
    assert set(sent(hostile).values()) == {1}


@pytest.mark.parametrize("arguments", [RUNNER, ("-m", "promptgrid", "resume", "last")])
def test_a_second_signal_abandons_the_calls_in_flight(
    arguments: tuple[str, ...], database: Database, hostile: HostileServer, home: Path
) -> None:
    run_id = client.submit(database, a_plan("hang", words=2, concurrency=2))
    with process(home, *arguments) as carrying:
        until(lambda: hostile.books.in_flight == 2)
        carrying.send_signal(signal.SIGTERM)
        until(lambda: runs.find_run(database, run_id).status == "pausing")
        carrying.send_signal(signal.SIGTERM)
        carrying.wait(60)
    assert runs.find_run(database, run_id).status == "paused"
