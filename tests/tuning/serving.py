"""Serves a model on loopback, in this process, as the command does in its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from promptgrid.tuning.folder_server import FolderServer

NAME = "tiny"


@contextmanager
def serving(model: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serves the model as `openai/tiny` while the block runs, and yields the server's root."""
    server = uvicorn.Server(uvicorn.Config(FolderServer(model, NAME).app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    root = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    monkeypatch.setenv("OPENAI_BASE_URL", f"{root}/v1")
    try:
        yield root
    finally:
        server.should_exit = True
        thread.join()
