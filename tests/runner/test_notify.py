"""The command that is started when a run has ended."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from promptgrid.runner.notify import notify
from promptgrid.store.runs import RunInfo, RunProgress

INFO = RunInfo("a1b2", "sentiment; $(touch hacked)", "", "stopped", "The disk is full.", 72, 0.0, 0.0, 9.0, None, None)
STATE = RunProgress(72, {"answered": 70, "failed": 2}, 0, 3, 0.0142, 0.0, 0, {}, {"timeout": 2})
NAMES = ("PROMPTGRID_RUN", "PROMPTGRID_RUN_NAME", "PROMPTGRID_STATUS", "PROMPTGRID_SUMMARY")
TELL = """\
import json, os, sys
told = {name: os.environ.get(name) for name in sys.argv[2:]}
told["argv"], told["input"] = sys.argv[2:], sys.stdin.read()
with open(sys.argv[1] + ".tmp", "w") as file:
    json.dump(told, file)
os.replace(sys.argv[1] + ".tmp", sys.argv[1])
"""


@pytest.fixture
def command() -> str:
    """A command that writes what it was told into told.json."""
    Path("tell.py").write_text(TELL, "utf-8")
    return f"'{sys.executable}' tell.py told.json {' '.join(NAMES)}"


def told() -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while not Path("told.json").exists():
        assert time.monotonic() < deadline, "the command was not started"
        time.sleep(0.01)
    return dict(json.loads(Path("told.json").read_text("utf-8")))


def seen_off() -> None:
    for thread in threading.enumerate():
        if thread.name == "notify":
            thread.join(60)


@pytest.mark.skipif(os.name == "nt", reason="quotes as a POSIX shell does")
def test_the_command_learns_of_the_run_by_its_environment_alone(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTGRID_NOTIFY", command)
    notify(INFO, STATE)
    body = told()
    assert [body[name] for name in NAMES] == [
        "a1b2",
        "sentiment; $(touch hacked)",
        "stopped",
        "stopped: 70 of 72 answered, $0.0142. The disk is full.",
    ]
    assert (body["argv"], body["input"]) == (list(NAMES), "")
    assert not Path("hacked").exists()
    seen_off()


def test_a_command_in_the_env_file_of_the_start_folder_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *args, **more: pytest.fail("started"))
    Path(".env").write_text("PROMPTGRID_NOTIFY=touch hacked\n", "utf-8")
    notify(INFO, STATE)


def test_without_a_command_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *args, **more: pytest.fail("started"))
    notify(INFO, STATE)
    monkeypatch.setenv("PROMPTGRID_NOTIFY", "  ")
    notify(INFO, STATE)


@pytest.mark.parametrize("command", ["/no/such/program sk-secret", "'sk-secret is not closed"])
def test_a_command_that_cannot_be_started_is_logged_without_its_words(
    command: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROMPTGRID_NOTIFY", command)
    notify(INFO, STATE)
    assert "a1b2: the command of PROMPTGRID_NOTIFY cannot be started" in caplog.text
    assert "sk-secret" not in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="quotes as a POSIX shell does")
def test_a_command_that_fails_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("PROMPTGRID_NOTIFY", f"'{sys.executable}' -c 'raise SystemExit(3)'")
    notify(INFO, STATE)
    seen_off()
    assert "ended with exit code 3" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="quotes as a POSIX shell does")
def test_a_name_that_no_environment_can_hold_does_not_end_the_runner(
    command: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROMPTGRID_NOTIFY", command)
    notify(RunInfo("a1b2", "nul \0", "", "finished", "", 1, 0.0, 0.0, 9.0, None, None), STATE)
    assert "cannot be started" in caplog.text
