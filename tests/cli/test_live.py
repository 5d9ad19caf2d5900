"""A run at work in a terminal: its progress, and what Ctrl+C does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command import RUN, promptgrid, rows_of_export

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_ctrl_c_pauses_and_nothing_keeps_spending(hostile: HostileServer) -> None:
    rows = "".join(f"word{n},good\n" for n in range(50))
    Path("cases.csv").write_text(f"text,expected\n{rows}", "utf-8")
    command = [sys.executable, "-m", "promptgrid", *RUN[:4], "--model", "openai/slow", "--concurrency", "1"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while hostile.calls("slow") < 2:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, output = running.communicate(timeout=20)
    assert running.returncode == 1
    assert "paused" in output
    assert "promptgrid resume" in output
    assert "Traceback" not in output
    (run,) = json.loads(promptgrid("runs", "--json").stdout)
    assert run["status"] == "paused"
    assert hostile.calls("slow") < 50


def interrupted(hostile: HostileServer, model: str, times: int) -> subprocess.Popen[str]:
    """A run of two cells at once whose calls to `model` are in flight, after so many Ctrl+C."""
    command = [sys.executable, "-m", "promptgrid", *RUN[:4], "--model", f"openai/{model}", "--concurrency", "2"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while hostile.calls(model) < 2:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert running.stderr is not None
    for sent in range(times):
        running.send_signal(signal.SIGINT)
        if sent + 1 < times:
            while "Ctrl+C again" not in running.stderr.readline():
                assert running.poll() is None
    return running


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_a_first_ctrl_c_lets_the_calls_in_flight_come_in(hostile: HostileServer) -> None:
    hostile.latency_s = 1.5
    _, output = interrupted(hostile, "ok", 1).communicate(timeout=60)
    assert "Pausing: waiting for the calls in flight. Press Ctrl+C again to abandon them." in output
    assert rows_of_export()[0]["status"] == "answered"
    assert hostile.calls("ok") == 2


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_a_second_ctrl_c_gives_the_calls_in_flight_up(hostile: HostileServer) -> None:
    running = interrupted(hostile, "hang", 2)
    _, output = running.communicate(timeout=40)  # the calls themselves would never end
    assert running.returncode == 1
    assert "may still cost money" in output
    assert "paused · 0 of 2" in output
    assert "Traceback" not in output
    (run,) = json.loads(promptgrid("runs", "--json").stdout)
    assert run["status"] == "paused"


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.usefixtures("work")
def test_a_terminal_shows_a_bar_with_the_same_words() -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "promptgrid", *RUN]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    output = b""
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:  # an error is its end
        while data := terminal.read(4096):
            output += data
    assert running.wait(timeout=20) == 0
    for word in ("100 %", "2 of 2", "━"):
        assert word in output.decode("utf-8", "replace")
