"""Every test has its own data folder, a clean environment, and no network but loopback."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.places import CHECKOUT

if TYPE_CHECKING:
    from promptgrid.endpoint import ScriptedEndpoint
    from promptgrid.nextword import ModelClient
    from promptgrid.store import Database
    from tests.faults.disk import Disk
    from tests.faults.server import HostileServer
    from tests.store.server import Server

ON_BOTH = ("tests/store/", "tests/compare/test_search.py", "tests/runner/test_reuse.py")
FILE_ONLY = ("test_database.py", "test_migrations.py")
SERVER_ONLY = ("test_hosts.py",)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background job; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def missing(what: str) -> None:
    """Skips the test for something that this machine lacks; with CI=true the lack is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing on this machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests come last: Playwright leaves a running event loop behind, and `asyncio.run` refuses then."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.fixture(scope="session", name="missing")
def _missing() -> Callable[[str], None]:
    """`missing` for folders below, which cannot import this file by its name."""
    return missing


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own PROMPTGRID_HOME; the working folder is an empty one, so that no `.env` is found."""
    folder = tmp_path / "home"
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "PROMPTGRID_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PROMPTGRID_HOME", str(folder))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return folder


@pytest.fixture(scope="session")
def weights_file() -> Path:
    """The built-in model's weights in the user's own cache folder, so that they are fetched once and not every time."""
    from promptgrid import builtin
    from promptgrid.builtin import unpacking
    from promptgrid.errors import BuiltinError

    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("PROMPTGRID_"):
                patch.delenv(name)
        try:
            path = builtin.fetch()
            unpacking.unpacked(path)  # once, not in the home of every test
            return path
        except BuiltinError as error:
            missing(f"The built-in model ({error})")
            raise


@pytest.fixture
def weights(weights_file: Path, home: Path) -> Path:
    """The weights in the test's own cache folder, as if they had been fetched there."""
    return _linked(weights_file, home)


def _linked(weights_file: Path, home: Path) -> Path:
    from promptgrid.builtin import weights

    link = home / "cache" / weights_file.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(weights_file)
    unpacked = weights_file.with_name(f"f16-{weights.stamp(weights_file)}.gguf")
    link.with_name(f"f16-{weights.stamp(link)}.gguf").symlink_to(unpacked)
    return link


@pytest.fixture(scope="session")
def _builtin_home(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from promptgrid import builtin

    folder = tmp_path_factory.mktemp("builtin")
    _linked(weights_file, folder)
    yield folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMPTGRID_HOME", str(folder))
        builtin.stop()


@pytest.fixture
def builtin_home(_builtin_home: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that all tests with the built-in model share, and so its server, which starts once a session."""
    monkeypatch.setenv("PROMPTGRID_HOME", str(_builtin_home))
    monkeypatch.setenv("PROMPTGRID_BUILTIN_IDLE_S", "120")
    return _builtin_home


@pytest.fixture
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of pages: runs stay queued until the test carries them out, and no thread outlives it."""
    for module in ("promptgrid.runner.client", "promptgrid.improve.carry_out", "promptgrid.ui.shell.page"):
        monkeypatch.setattr(f"{module}.ensure_runner", lambda: None)
    monkeypatch.setattr("promptgrid.runner.client.watch_over", lambda: None)


@pytest.fixture(autouse=True)
def _sockets_closed() -> Iterator[None]:
    """No test leaves its endpoints' connections to the next one."""
    yield
    if connections := sys.modules.get("promptgrid.connections"):
        connections.close()


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            raise AssertionError(f"a test reached out to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    """An OpenAI-compatible server on loopback whose faults are chosen by the model's name."""
    from tests.faults.server import HostileServer

    with HostileServer() as server:
        yield server


@pytest.fixture
def endpoint(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> HostileServer:
    """The hostile server as the endpoint `openai`."""
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    return hostile


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI as the endpoint `openai`: for tests that never send anything."""
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")


@pytest.fixture
def scripted(openai: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[ModelClient, ScriptedEndpoint]]:
    """`scripted(script, database)`: an ModelClient for the endpoint `openai`, whose replies come from the script."""
    from promptgrid import connections
    from promptgrid.endpoint import ScriptedEndpoint
    from promptgrid.nextword import ModelClient
    from promptgrid.nextword.client import _apis

    _apis.clear()

    def scripted(script: Any, database: Database | None = None) -> tuple[ModelClient, ScriptedEndpoint]:
        endpoint = ScriptedEndpoint(script, name="openai")
        monkeypatch.setattr(connections, "connect", lambda name: endpoint)
        return ModelClient("openai/ft-own", database), endpoint

    return scripted


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tests of the store, and some others, that take `database` run on SQLite and on PostgreSQL. Those on
    PostgreSQL need the extra `postgres` and Debian's server; their CI job sets POSTGRES_EXTRA=1 and skips nothing."""
    path = Path(metafunc.module.__file__)
    on_both = path.relative_to(CHECKOUT).as_posix().startswith(ON_BOTH) and path.name not in FILE_ONLY
    if "database" in metafunc.fixturenames and on_both:
        kinds = ["postgresql"] if path.name in SERVER_ONLY else ["sqlite", "postgresql"]
        metafunc.parametrize("store", kinds, indirect=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server on a Unix socket, for these tests alone."""
    from tests.store.server import Server, missing

    if reason := missing():
        pytest.skip(reason)
    server = Server()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes all stores on a server: psycopg warns of connections left open, and a warning is an error."""
    from promptgrid.store.dialects.postgresql import PostgresqlBackend

    backends: list[PostgresqlBackend] = []
    new = PostgresqlBackend.__init__

    def recorded(backend: PostgresqlBackend, url: str) -> None:
        new(backend, url)
        backends.append(backend)

    monkeypatch.setattr(PostgresqlBackend, "__init__", recorded)
    yield
    for backend in backends:
        backend.close()


@pytest.fixture
def store(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The kind of the test's store."""
    kind: str = getattr(request, "param", "sqlite")
    if kind == "postgresql":
        monkeypatch.setenv("PROMPTGRID_DATABASE", request.getfixturevalue("server").new_store())
        request.getfixturevalue("closing")
    return kind


@pytest.fixture
def database(store: str) -> Iterator[Database]:
    """The test's own database, empty."""
    from promptgrid.store import Database

    database = Database()
    yield database
    database.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The disk of this process, which the test fills."""
    import sqlalchemy as sa

    from tests.faults.disk import Disk

    state = Disk()
    for name, stand_in in (("fsync", state.sync), ("open", state.open), ("mkdir", state.mkdir)):
        monkeypatch.setattr(os, name, stand_in)
    heard = (
        (sa.pool.Pool, "checkout", state.seen),
        (sa.Engine, "handle_error", state.said),
        (sa.Engine, "before_cursor_execute", state.begins),
    )
    for target, name, listener in heard:
        sa.event.listen(target, name, listener)
    yield state
    for target, name, listener in heard:
        sa.event.remove(target, name, listener)
