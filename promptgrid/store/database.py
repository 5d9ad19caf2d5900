"""Opens the database: its path, its SQLite settings, its schema version, and plain error messages."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError

from promptgrid import files, paths
from promptgrid.errors import StoreError
from promptgrid.store import conversation_tables, migrations, schema
from promptgrid.store.documents import tables as document_tables

_BUSY_MS = 15_000
_NO_ROOM_BYTES = 1_000_000  # with less, SQLite calls a full disk an I/O error where it needs its shared memory file
_watchers = count()

Row = Mapping[str, Any]
Lot = TypeVar("Lot")
Written = TypeVar("Written")


class Database:
    """One SQLite file in WAL mode. Any number of processes may open it, and any thread may use the object.

    Raises StoreError when the folder is not writable, the disk is full, or the file is not a Promptgrid database.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.data_folder() / "promptgrid.sqlite3"
        self._watching = threading.Lock()
        self._watcher: tuple[int, sqlite3.Connection] | None = None
        with plain_errors(self.path):
            self._create_file()
            self._engine = sa.create_engine(f"sqlite:///{self.path}", poolclass=sa.pool.QueuePool, pool_size=4)
            sa.event.listen(self._engine, "connect", _configure)
            sa.event.listen(self._engine, "begin", _begin)
            self._check_schema()

    def _create_file(self) -> None:
        """Creates the file so that no other user of the machine can read it: prompts and replies may be private.

        An existing file must not be opened here. Closing any descriptor of a file drops all locks that this process
        holds on it (POSIX), SQLite's included; another process could then remove the log under an open database.
        """
        with suppress(FileExistsError):
            os.close(files.private(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR))

    def _check_schema(self) -> None:
        with self._engine.connect() as connection:  # takes no write lock: another process may hold it for long
            version = _schema_version(connection)
        if version is None:
            version = self._migrate()
        elif migrations.OLDEST <= version < schema.VERSION:
            copy = self.copies() / f"version-{version}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.sqlite3"
            self.copy_to(copy)
            try:
                version = self._migrate()
            except BaseException:
                copy.unlink()  # nothing has changed
                raise
        if version != schema.VERSION:
            way = "Update promptgrid, or set" if version > schema.VERSION else "Set"
            raise StoreError(
                f"The database {self.path} has the schema version {version}; this promptgrid reads"
                f" {migrations.OLDEST} to {schema.VERSION}.",
                hint=f"{way} PROMPTGRID_HOME to another folder.",
            )

    def _migrate(self) -> int:
        """Creates the tables of a new database, or migrates an older one, and returns its new version. One transaction
        holds the write lock from its start: when two processes do this at once, the second finds nothing to do."""
        with self._engine.execution_options(writes=True).connect() as connection, connection.begin():
            version = _schema_version(connection)
            if version is None:
                for tables in (conversation_tables, document_tables):
                    tables.metadata.create_all(connection)
            elif version < schema.VERSION:
                migrations.migrate(connection, version, schema.VERSION)
            else:
                return version
            row = {"name": "schema_version", "value": str(schema.VERSION)}
            connection.execute(insert(schema.meta).values(row).on_conflict_do_update(index_elements=["name"], set_=row))
        return schema.VERSION

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Opens a transaction for writing. It holds the write lock from its start, so that rows read in it cannot
        change before it ends. Raises StoreError."""
        engine = self._engine.execution_options(writes=True)
        with plain_errors(self.path), engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Opens a transaction for reading: all queries in the block see one state of the database. Raises
        StoreError."""
        with plain_errors(self.path), self._engine.connect() as connection:
            yield connection

    def version(self) -> object:
        """Returns a value that differs from that of the previous call when any process has committed since. Takes
        almost no time.

        The value is read on a connection used for nothing else: SQLite counts only the commits of other connections.
        """
        with plain_errors(self.path), self._watching:
            if self._watcher is None:
                number = next(_watchers)  # data_version values of two connections cannot be compared
                self._watcher = number, sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
                self._watcher[1].execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            number, connection = self._watcher
            return number, connection.execute("PRAGMA data_version").fetchone()

    def copies(self) -> Path:
        """Returns the folder for copies of this database. One is put there before each change of the schema."""
        folder = self.path.with_name("copies")
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def copy_to(self, path: Path) -> None:
        """Writes a copy of the database as it is now to a new file, while others may use it. Raises StoreError if the
        file exists, or cannot be written."""
        try:
            os.close(files.private(path, os.O_CREAT | os.O_EXCL | os.O_RDWR))
            with self._engine.connect() as connection:
                connection.connection.cursor().execute("VACUUM INTO ?", (str(path),))
        except (OSError, sqlite3.Error) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            if not isinstance(error, FileExistsError):
                path.unlink(missing_ok=True)
            hint = "The database is unchanged. Free some space, or name another file."
            raise StoreError(f"The database {self.path} cannot be copied to {path}: {cause}.", hint=hint) from error

    def vacuum(self) -> None:
        """Frees the disk space of removed rows. Takes as long as copying the rest of the database."""
        with plain_errors(self.path), self._engine.connect() as connection:
            connection.connection.cursor().execute("VACUUM")

    def close(self) -> None:
        """Closes all connections. The next use of the object opens the file again."""
        with self._watching:
            if self._watcher is not None:
                self._watcher[1].close()
                self._watcher = None
        self._engine.dispose()


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN (see _begin), not the driver's late one
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _schema_version(connection: sa.Connection) -> int | None:
    """Returns the schema version of the database; None for a new database."""
    if not sa.inspect(connection).has_table(schema.meta.name):
        return None
    version = connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.name == "schema_version"))
    return None if version is None else int(version)


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and the file system in the block into a StoreError that says what to do. `path` is the
    database's, for its message."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Cannot open {path}: {error.strerror}.", hint="Set PROMPTGRID_HOME to a folder that you can write to."
        ) from error
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StoreError(f"The database {path} cannot be used: {cause}.", hint=_remedy(str(cause), path)) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreError(f"A value cannot be stored: {error}.", hint="Take it out, or make it smaller.") from error


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


def write_many(connection: sa.Connection, statement: sa.Insert | sa.Update | sa.Delete, rows: Sequence[Row]) -> None:
    """Executes the statement once per row; a row maps the names of all columns or parameters to values. Takes a third
    of the time of `execute`, which inspects every value. For plain values only: no column may need a conversion or have
    a default."""
    if not rows:
        return
    names = tuple(rows[0])
    sql, order = _compiled(statement, connection.dialect, names)
    values = itemgetter(*order) if len(order) > 1 else lambda row: (row[order[0]],)
    connection.exec_driver_sql(sql, list(map(values, rows)))


@cache
def _compiled(statement: Any, dialect: sa.Dialect, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Returns the SQL text of the statement for these columns or parameters, and their names in the order of the
    text."""
    compiled = statement.compile(dialect=dialect, column_keys=names)
    return str(compiled), tuple(compiled.positiontup)


def raw_cursor(connection: sa.Connection, query: sa.Select[Any]) -> sa.engine.interfaces.DBAPICursor:
    """Returns the database driver's cursor with the rows of the query as tuples. At 100,000 rows, row objects would
    double the reading time."""
    cursor = connection.execute(query).cursor
    assert cursor is not None  # a SELECT has one
    return cursor


def one_behind(write: Callable[[Lot], Written], lots: Iterable[Lot]) -> Iterator[Written]:
    """Yields the result of `write` for each lot. A thread writes a lot while the next one is made: SQLite holds no lock
    of Python's. Errors of both sides are raised."""
    writing = None
    with ThreadPoolExecutor(1) as writer:
        for lot in lots:
            if writing:
                yield writing.result()
            writing = writer.submit(write, lot)
        if writing:
            yield writing.result()


def now() -> float:
    """Returns the time in seconds since 1970, UTC."""
    return time.time()


def storable(text: str) -> str:
    """Returns the text with each lone surrogate replaced by U+FFFD: neither UTF-8 nor SQLite can store them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
