"""The process that serves the built-in model: one for all, started when needed, ended when idle."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from promptgrid import builtin
from promptgrid.builtin import process, weights
from promptgrid.builtin.server_folder import Listening, ServerFolder
from promptgrid.errors import BuiltinError, EndpointError
from tests.builtin.requests import LONG, asked, complete
from tests.streams import iterate_sync


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_an_idle_time_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(process.IDLE, text)
    with pytest.raises(BuiltinError, match=process.IDLE):
        process.idle_s()


def test_a_killed_server_is_a_server_error_and_the_next_request_starts_another(
    builtin_endpoint: builtin.BuiltinEndpoint,
) -> None:
    complete(builtin_endpoint, max_tokens=1)
    server = process.ensure()
    deltas = iterate_sync(builtin_endpoint.stream(asked(**LONG, temperature=0.0)))
    next(deltas)
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(EndpointError) as caught:
        list(deltas)
    assert (caught.value.kind, caught.value.retryable) == ("server", True)
    assert not builtin.running()
    assert complete(builtin_endpoint, max_tokens=1)
    assert process.ensure().pid != server.pid


def test_one_server_for_all_and_its_key_for_the_user_only(builtin_home: Path) -> None:
    servers: list[Listening] = []
    threads = [threading.Thread(target=lambda: servers.append(process.ensure())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({server.pid for server in servers}) == 1
    file = ServerFolder.of(weights.require()).folder / "server.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = json.loads(file.read_text())["key"]
    assert key.encode() not in Path(f"/proc/{servers[0].pid}/cmdline").read_bytes()
    assert key not in repr(servers[0])


def test_it_outlives_the_terminal_and_does_not_spin(builtin_home: Path) -> None:
    pid = process.ensure().pid
    assert os.getsid(pid) == pid
    assert b"GOMP_SPINCOUNT=0" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def test_another_process_finds_the_same_server(builtin_home: Path) -> None:
    script = "from promptgrid.builtin import process; print(process.ensure().pid)"
    root = Path(builtin.__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, check=True
    )
    assert int(other.stdout) == process.ensure().pid


def test_warm_starts_it_without_waiting(builtin_home: Path) -> None:
    builtin.stop()
    builtin.warm()
    assert not builtin.running()
    deadline = time.monotonic() + 60
    while not builtin.running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert builtin.running()


def test_it_stops_when_nobody_needs_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(process.IDLE, "0.4")
    server = process.ensure()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{server.pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{server.pid}").exists()
    assert not builtin.running()


def test_weights_that_are_none_are_a_server_error_that_names_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF but not really")
    monkeypatch.setenv(weights.OVERRIDE, str(path))
    with pytest.raises(EndpointError, match=r"server\.log") as caught:
        complete(builtin.BuiltinEndpoint(), model="broken")
    assert caught.value.kind == "server"


def test_looking_leaves_no_trace_and_a_folder_that_cannot_be_made_is_said(weights: Path, home: Path) -> None:
    assert builtin.status().ready
    assert not (home / "data" / "builtin").exists()
    (home / "data" / "builtin").touch()
    with pytest.raises(EndpointError, match="PROMPTGRID_HOME") as caught:
        complete(builtin.BuiltinEndpoint())
    assert caught.value.stops_endpoint


def test_without_weights_the_endpoint_stops_and_says_how_to_fetch_them() -> None:
    with pytest.raises(EndpointError, match="`promptgrid run`") as caught:
        complete(builtin.BuiltinEndpoint())
    assert caught.value.stops_endpoint
