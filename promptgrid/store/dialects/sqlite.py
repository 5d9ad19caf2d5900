"""A store in one SQLite file: its settings, its locks, its copies, and plain error messages."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from promptgrid import files, paths
from promptgrid.errors import StoreError
from promptgrid.store.dialects.backend import Backend, Row

_BUSY_MS = 15_000
_NO_ROOM_BYTES = 1_000_000  # with less, SQLite calls a full disk an I/O error where it needs its shared memory file
_watchers = count()


class SqliteBackend(Backend):
    """One SQLite file in WAL mode."""

    elsewhere = "PROMPTGRID_HOME to another folder"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = str(path)
        self._watching = threading.Lock()
        self._watcher: tuple[int, sqlite3.Connection] | None = None
        with self.plain_errors():
            self._create_file()
        self.engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.QueuePool, pool_size=4)
        sa.event.listen(self.engine, "connect", self._configure)
        sa.event.listen(self.engine, "begin", _begin)

    def _create_file(self) -> None:
        """Creates the file so that no other user of the machine can read it: prompts and replies may be private.

        An existing file must not be opened here. Closing any descriptor of a file drops all locks that this process
        holds on it (POSIX), SQLite's included; another process could then remove the log under an open database.
        """
        with suppress(FileExistsError):
            os.close(files.private(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR))

    def _configure(self, connection: sqlite3.Connection, record: Any) -> None:
        record.info["backend"] = self
        connection.isolation_level = None  # SQLAlchemy's own BEGIN (see _begin), not the driver's late one
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
            connection.execute(f"PRAGMA {pragma}")

    def path(self) -> Path:
        return self._path

    def writing(self) -> sa.Engine:
        return self.engine.execution_options(writes=True)

    def touching(self) -> sa.Engine:
        return self.writing()

    def server(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def version(self) -> object:
        """Takes almost no time. The value is read on a connection used for nothing else: SQLite counts only the commits
        of other connections."""
        with self._watching:
            if self._watcher is None:
                number = next(_watchers)  # data_version values of two connections cannot be compared
                self._watcher = number, sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                self._watcher[1].execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            number, connection = self._watcher
            return number, connection.execute("PRAGMA data_version").fetchone()

    def create_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        metadata.create_all(connection)

    def copy_to(self, path: Path) -> None:
        try:
            os.close(files.private(path, os.O_CREAT | os.O_EXCL | os.O_RDWR))
            with self.engine.connect() as connection:
                connection.connection.cursor().execute("VACUUM INTO ?", (str(path),))
        except (OSError, sqlite3.Error) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            if not isinstance(error, FileExistsError):
                path.unlink(missing_ok=True)
            hint = "The database is unchanged. Free some space, or name another file."
            raise StoreError(f"The database {self.place} cannot be copied to {path}: {cause}.", hint=hint) from error

    def vacuum(self) -> None:
        """Takes as long as copying the rest of the database."""
        with self.engine.connect() as connection:
            connection.connection.cursor().execute("VACUUM")

    def close(self) -> None:
        with self._watching:
            if self._watcher is not None:
                self._watcher[1].close()
                self._watcher = None
        self.engine.dispose()

    def next_ids(self, connection: sa.Connection, column: sa.Column[Any], count: int) -> list[int]:
        """The write lock is held, so no other process takes the next ids."""
        first = (connection.scalar(sa.select(sa.func.max(column))) or 0) + 1
        return list(range(first, first + count))

    def ids_taken(self, connection: sa.Connection, column: sa.Column[Any]) -> None:
        """SQLite counts from the largest id by itself."""

    def write_many(self, connection: sa.Connection, statement: Any, rows: Sequence[Row]) -> None:
        sql, order = _compiled(statement, connection.dialect, tuple(rows[0]))
        values = itemgetter(*order) if len(order) > 1 else lambda row: (row[order[0]],)
        connection.exec_driver_sql(sql, list(map(values, rows)))

    def parameter(self, column: sa.Column[Any]) -> str:
        return "?"

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"Cannot open {self.place}: {error.strerror}.",
                hint="Set PROMPTGRID_HOME to a folder that you can write to.",
            ) from error
        except (DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            hint = _remedy(str(cause), self._path)
            raise StoreError(f"The database {self.place} cannot be used: {cause}.", hint=hint) from error


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@cache
def _compiled(statement: Any, dialect: sa.Dialect, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Returns the SQL text of the statement for these columns or parameters, and their names in the order of the
    text."""
    compiled = statement.compile(dialect=dialect, column_keys=names)
    return str(compiled), tuple(compiled.positiontup)


def _remedy(message: str, path: Path) -> str:
    if "full" in message or ("disk I/O" in message and paths.free_bytes(path.parent) < _NO_ROOM_BYTES):
        return "The disk is full: free some space; what was committed is safe, and a run goes on with `resume`."
    if "readonly" in message or "unable to open" in message:
        return "Set PROMPTGRID_HOME to a folder that you can write to."
    if "locked" in message:
        return "Another process holds it for long; try again."
    copies = sorted(path.with_name("copies").glob("*.sqlite3"), key=lambda copy: copy.stat().st_mtime)
    instead = f"put the copy {copies[-1]} in its place" if copies else "start with an empty one"
    return f"Move the file away (with -wal and -shm) and {instead}, or set PROMPTGRID_HOME to another folder."
