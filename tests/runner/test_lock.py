"""The line before the lock of the one runner."""

from __future__ import annotations

import threading
from pathlib import Path

from filelock import FileLock

from promptgrid.runner.lock import RunnerLock


def test_a_look_at_the_line_does_not_send_a_runner_away(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    looking, runner = FileLock(home / "data" / "runner.next.lock", thread_local=False), RunnerLock()
    looking.acquire()
    threading.Timer(0.3, looking.release).start()
    assert runner.acquire_in_turn(wait_s=0.0)
    runner.release()


def test_who_finds_another_one_waiting_goes_away(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    with FileLock(home / "data" / "runner.next.lock"):
        assert not RunnerLock().acquire_in_turn(wait_s=0.0)
