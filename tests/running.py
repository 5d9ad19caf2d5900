"""What the tests of runs share: plans for the hostile endpoint, runner processes, and waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from promptgrid import api, connections, loop
from promptgrid.grid import Plan
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import carry_out as carrying_out
from promptgrid.runner import client
from promptgrid.runner.carry_out import carry_out
from promptgrid.store import Database, runs
from promptgrid.store.runs import RunStatus
from promptgrid.store.schema import cells, replies

PROMPT = Prompt("say", (Message("user", "Say {{ word }}."),))
RUNNER = ("-m", "promptgrid.runner")


def a_plan(model: str = "ok", words: int = 3, **changes: Any) -> Plan:
    cases = [{"word": f"w{n}"} for n in range(words)]
    return api.plan(PROMPT, cases, models=f"openai/{model}", **changes)


def carried_out(database: Database, run_id: str) -> RunStatus:
    """Carries the run out in this process, to its end or stop."""
    return loop.run_sync(carry_out(database, run_id, connect=connections.connect))


def a_run(database: Database, plan: Plan) -> str:
    """The id of a new run of that plan, carried out to its end."""
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return run_id


def resumed(database: Database, run_id: str) -> RunStatus:
    runs.ask(database, run_id, "resume")
    return carried_out(database, run_id)


def halts(patch: pytest.MonkeyPatch) -> list[str]:
    """A list that fills with the ids of runs of this process as they stop sending, because a pause was asked for."""
    ids: list[str] = []
    halt = carrying_out._Run._halt

    def noted(run: carrying_out._Run) -> None:
        halt(run)
        ids.append(run.id)

    patch.setattr(carrying_out._Run, "_halt", noted)
    return ids


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.02)


@contextmanager
def process(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Python with these arguments, in this environment; killed when the block ends."""
    folder.mkdir(exist_ok=True)
    with open(folder / "process.log", "ab") as log:
        started = subprocess.Popen([sys.executable, *arguments], cwd=folder, stdout=log, stderr=log)
    try:
        yield started
    finally:
        kill(started)


def kill(started: subprocess.Popen[bytes]) -> None:
    """As `kill -9` does; comes back when it is dead."""
    started.kill()
    started.wait()


def kill_pid(pid: int) -> None:
    """As `kill`, for a process that is not a child of this one."""
    os.kill(pid, signal.SIGKILL)


def named(database: Database, run_id: str, status: str = "answered") -> set[int]:
    """The positions of the run's cells in that status."""
    query = sa.select(cells.c.position).where(cells.c.run_id == run_id, cells.c.status == status)
    with database.read() as connection:
        return set(connection.scalars(query))


def statuses(database: Database, run_id: str) -> Counter[str]:
    with database.read() as connection:
        return Counter(connection.scalars(sa.select(cells.c.status).where(cells.c.run_id == run_id)))


def replies_of(database: Database) -> list[tuple[str, int]]:
    """(key, sample) of every reply stored, whichever run paid for it."""
    with database.read() as connection:
        return [(row.key, row.sample) for row in connection.execute(sa.select(replies.c.key, replies.c.sample))]


def asked(bodies: Sequence[dict[str, Any]]) -> Counter[str]:
    """How often each text was sent."""
    return Counter(body["messages"][-1]["content"] for body in bodies)
