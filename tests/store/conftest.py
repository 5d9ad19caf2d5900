"""The tests of this folder that take `database` run on SQLite and on PostgreSQL. Those on PostgreSQL need the extra
`postgres` and Debian's server; in their CI job, which sets POSTGRES_EXTRA=1, nothing is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.store.server import Server, missing

if TYPE_CHECKING:
    from promptgrid.store import Database

ALONE = ("test_database.py", "test_migrations.py")  # about SQLite's file
SERVER_ONLY = ("test_hosts.py",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = Path(metafunc.module.__file__).name
    if "database" in metafunc.fixturenames and name not in ALONE:
        kinds = ["postgresql"] if name in SERVER_ONLY else ["sqlite", "postgresql"]
        metafunc.parametrize("store", kinds, indirect=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server on a Unix socket, for these tests alone."""
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
    """The test's own store, empty."""
    from promptgrid.store import Database

    database = Database()
    yield database
    database.close()
