"""A real Chromium and a real server: what AppTest cannot see."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from promptgrid.store import Database
from tests.browser.serving import WAIT_MS, Dashboard, Serve
from tests.faults.server import HostileServer
from tests.places import CHECKOUT, HOME_PAGE

expect.set_options(timeout=WAIT_MS)  # for all modules: it is one setting for the whole process
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="session")
def base_url() -> None:
    """Stands in for a plugin's fixture of that name, which pytest 9 warns about; every test has its own server."""


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], missing: Callable[[str], None]
) -> dict[str, Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing("Chromium")
    return {**browser_type_launch_args, "executable_path": chromium, "args": FLAGS}


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Starts `streamlit run SCRIPT` on a free port, with a fresh home and the settings that the checkout ships.

    `served(script, OPENAI_BASE_URL=…)` adds to its environment. What it started is ended with it, the runner too. A
    server whose log complains of a page fails its test.
    """

    @contextmanager
    def served(script: Path, **extra: str) -> Iterator[Dashboard]:
        home = tmp_path_factory.mktemp("home")
        port = _free_port()
        log = home / "server.log"
        settings = script.parent / ".streamlit"
        if not settings.exists():
            shutil.copytree(CHECKOUT / ".streamlit", settings)
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        options = ["--server.port", str(port), "--server.headless", "true"]
        with log.open("wb") as output:
            environment = {**_environment(home), **extra}
            server = subprocess.Popen(
                [*command, *options], cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            _wait_for(port, server, log)
            key = _key(server, log) if script == HOME_PAGE else ""
            yield Dashboard(f"http://127.0.0.1:{port}", home, key)
        finally:
            server.terminate()
            server.wait(timeout=60)
            _end_runner(home)
        assert complaints(log.read_text("utf-8", "replace")) == [], "the server's log is not silent"

    return served


_ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:)|^(?=Exception in ASGI)", re.MULTILINE)
_COMPLAINT = re.compile(r"Warning\b|default value but also|Uncaught|Traceback", re.IGNORECASE)
# A browser that leaves in mid-answer, and a download that cannot be made, which its reader is told on the page.
_EXPECTED = ("Exception in ASGI application", "deferred callable")


def complaints(log: str) -> list[str]:
    """The entries of a server's log that complain of a page: a widget's warning, an uncaught error, a traceback."""
    entries = [entry.strip() for entry in _ENTRY.split(log)]
    return [one for one in entries if _COMPLAINT.search(one) and not any(text in one for text in _EXPECTED)]


def _end_runner(home: Path) -> None:
    """The runner outlives its dashboard, as it should: not its test."""
    note = home / "data" / "runner.json"
    pid = json.loads(note.read_text())["pid"] if note.exists() else os.getpid()
    if pid != os.getpid():  # a test that carried a run out in this process has left its own number
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """The plugin's own, with our patience."""
    context.set_default_timeout(WAIT_MS)
    return context


@pytest.fixture(scope="module")
def warm(browser: Browser) -> Iterator[BrowserContext]:
    """A context whose cache holds Streamlit's scripts after the first page, for tests that leave nothing behind."""
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def dashboard(serve: Serve) -> Iterator[Dashboard]:
    """The whole dashboard, one server for the tests of a module."""
    with serve(HOME_PAGE) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint() -> Iterator[HostileServer]:
    """The hostile server, one for the tests of a module."""
    with HostileServer() as server:
        yield server


@pytest.fixture(scope="module")
def bench(serve: Serve, endpoint: HostileServer) -> Iterator[Dashboard]:
    """The whole dashboard with `endpoint` as the endpoint `openai`; the built-in model's weights are nowhere."""
    extra = {"OPENAI_BASE_URL": endpoint.url, "PROMPTGRID_BUILTIN_MODEL": "/nowhere.gguf"}
    with serve(HOME_PAGE, **extra) as running:
        (running.home / "data").mkdir(exist_ok=True)
        yield running


@pytest.fixture
def tab(browser: Browser, bench: Dashboard) -> Iterator[Page]:
    """A tab of `bench` on a desk's screen, with nothing of the tests before it."""
    context = bench.context(browser, viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def database(bench: Dashboard) -> Iterator[Database]:
    """The database of the module's dashboard."""
    database = Database(bench.home / "data" / "promptgrid.sqlite3")
    yield database
    database.close()


def _environment(home: Path) -> Mapping[str, str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PROMPTGRID_"))}
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    return {**variables, "PROMPTGRID_HOME": str(home), "PYTHONPATH": path}


def _free_port() -> int:
    """A port below those that the system gives to connections, one of which could take it before the server does."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _key(server: subprocess.Popen[bytes], log: Path) -> str:
    """The key in the address that the server prints."""
    deadline = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < deadline and server.poll() is None:
        if address := re.search(r"key=(\S+) ", log.read_text("utf-8", "replace")):
            return address[1]
        time.sleep(0.05)
    pytest.fail(f"the server printed no address:\n{log.read_text('utf-8', 'replace')}")


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"the server did not start:\n{log.read_text('utf-8', 'replace')}")
