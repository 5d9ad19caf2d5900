"""Another process holds the write lock of the database for longer than a runner waits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from promptgrid import connections, loop
from promptgrid.errors import StoreError
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs
from tests.faults.server import HostileServer
from tests.running import a_plan, asked, carried_out, named, resumed, statuses, until

pytestmark = pytest.mark.usefixtures("endpoint")
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another process has the write lock while the block runs."""
    command = [sys.executable, "-c", HOLD, str(database.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.stdin.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, database: Database) -> Database:
    """The database, for whose lock nothing waits longer than 50 ms."""
    monkeypatch.setattr("promptgrid.store.dialects.sqlite._BUSY_MS", 50)
    monkeypatch.setattr("promptgrid.calls.journal._RETRY_S", 0.05)
    database.close()
    return database


def paid_and_on_disk(database: Database, home: Path, run_id: str) -> int:
    """The replies of the run in the database, and in the files beside it."""
    files = home.glob(f"data/unsaved/{run_id}.*")
    return len(named(database, run_id)) + sum(file.read_text().count("\n") for file in files)


@pytest.mark.parametrize("patience_s", [30.0, 0.2])
def test_a_database_locked_for_long_stops_the_run_keeps_what_is_paid_and_sends_nothing_twice(
    impatient: Database,
    hostile: HostileServer,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    patience_s: float,
) -> None:
    monkeypatch.setattr("promptgrid.calls.journal._FULL_DISK_S", patience_s)
    hostile.latency_s, hostile.passes = 0.02, 10
    run_id = client.submit(impatient, a_plan(words=200, concurrency=4))
    carrying = loop.start(carry_out(impatient, run_id, connect=connections.connect))
    until(lambda: len(named(impatient, run_id)) == 10)
    with locked(impatient):
        hostile.passes = None
        until(lambda: ("locked" in caplog.text or carrying.done()) and not hostile.books.in_flight)
        if patience_s < 1:
            with pytest.raises(StoreError, match="locked"):
                carrying.result(timeout=60)
        until(lambda: paid_and_on_disk(impatient, home, run_id) >= hostile.calls("ok"))
    if patience_s > 1:
        assert carrying.result(timeout=60) == "stopped"
        assert "database is locked. Another process holds it" in runs.find_run(impatient, run_id).message
        assert resumed(impatient, run_id) == "finished"
    else:
        assert carried_out(impatient, run_id) == "finished"
    assert set(asked([request.body for request in hostile.books.completions]).values()) == {1}
    assert statuses(impatient, run_id) == {"answered": 200}
