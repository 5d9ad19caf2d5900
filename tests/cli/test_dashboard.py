"""`promptgrid` alone, as a process: it serves, says where, and ends with Ctrl+C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_dashboard_says_where_it_is_without_asking_anything_and_ends_with_its_server(home: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {**os.environ, "HOME": str(home), "PROMPTGRID_BUILTIN_MODEL": "none.gguf"}
        command = [sys.executable, "-m", "promptgrid", "dashboard", "--port", str(port), "--no-browser"]
        running = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stdout is not None
        said = running.stdout.readline()
    url = said.split()[3]
    assert said.startswith("Promptgrid is at http://127.0.0.1:")
    assert url != f"http://127.0.0.1:{port}"  # which was taken
    with urllib.request.urlopen(f"{url}/_stcore/health") as answer:
        assert answer.read() == b"ok"
    running.send_signal(getattr(signal, name))
    _, errors = running.communicate(timeout=20)
    assert f"Port {port} is in use" in errors
    assert "Traceback" not in errors
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)
