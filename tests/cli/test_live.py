"""A run at work in a terminal: its progress, and what Ctrl+C does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command import RUN, promptgrid, rows_of_export
from tests.running import until

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_ctrl_c_pauses_and_nothing_keeps_spending(hostile: HostileServer) -> None:
    rows = "".join(f"word{n},good\n" for n in range(50))
    Path("cases.csv").write_text(f"text,expected\n{rows}", "utf-8")
    command = [sys.executable, "-m", "promptgrid", *RUN[:4], "--model", "openai/slow", "--concurrency", "1"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: hostile.calls("slow") >= 2 or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    _, output = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "paused" in output
    assert "promptgrid resume" in output
    assert "Traceback" not in output
    (run,) = json.loads(promptgrid("runs", "--json").stdout)
    assert run["status"] == "paused"
    assert hostile.calls("slow") < 50


def interrupted(hostile: HostileServer, model: str) -> tuple[subprocess.Popen[str], str]:
    """A run of two cells at once that has heard Ctrl+C while its calls to `model` are in flight, and the line that it
    then wrote."""
    command = [sys.executable, "-m", "promptgrid", *RUN[:4], "--model", f"openai/{model}", "--concurrency", "2"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: hostile.calls(model) == 2 or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    assert running.stderr is not None
    lines = iter(running.stderr.readline, "")
    return running, next(line for line in lines if "Ctrl+C again" in line)


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_a_first_ctrl_c_lets_the_calls_in_flight_come_in(hostile: HostileServer) -> None:
    hostile.passes = 0
    running, line = interrupted(hostile, "ok")
    assert line == "Pausing: waiting for the calls in flight. Press Ctrl+C again to abandon them.\n"
    hostile.passes = None
    running.communicate(timeout=60)
    assert rows_of_export()[0]["status"] == "answered"
    assert hostile.calls("ok") == 2


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.usefixtures("work")
def test_a_second_ctrl_c_gives_the_calls_in_flight_up(hostile: HostileServer) -> None:
    running, _ = interrupted(hostile, "hang")
    running.send_signal(signal.SIGINT)
    _, output = running.communicate(timeout=60)  # the calls themselves would never end
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
    assert running.wait(timeout=60) == 0
    for word in ("100 %", "2 of 2", "━"):
        assert word in output.decode("utf-8", "replace")
