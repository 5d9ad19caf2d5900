"""Opens the store (see `dialects`): its schema version, its transactions, and helpers for statements."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.errors import StoreError
from promptgrid.store import conversation_tables, migrations, schema
from promptgrid.store.dialects.backend import Row as Row
from promptgrid.store.dialects.backend import backend_of
from promptgrid.store.dialects.opening import open_backend
from promptgrid.store.documents import tables as document_tables
from promptgrid.store.shared import tables as shared_tables

Lot = TypeVar("Lot")
Written = TypeVar("Written")


class Database:
    """One store: a SQLite file, or a PostgreSQL database. Any number of processes may open it, and any thread may use
    the object. `place` names it in messages, without a password.

    Opens the SQLite file at the path `at`, or the database of the URL `at`; without one, what PROMPTGRID_DATABASE
    names, else the file in the data folder. A store whose copying has not ended is opened with `half_copy` alone.
    Raises StoreError when the store cannot be opened or written, or is not one of Promptgrid's.
    """

    def __init__(self, at: Path | str | None = None, *, half_copy: bool = False) -> None:
        self._backend = open_backend(at)
        self._half_copy = half_copy
        self.place = self._backend.place
        with self.plain_errors():
            self._check_schema()

    @property
    def path(self) -> Path:
        """The file of the store. Raises StoreError if the store is not a file."""
        return self._backend.path()

    @property
    def is_file(self) -> bool:
        """Whether the store is a SQLite file."""
        return self._backend.engine.dialect.name == "sqlite"

    def server(self) -> str:
        """Returns the database's name and version, such as `SQLite 3.46.1`."""
        with self.plain_errors():
            return self._backend.server()

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turns errors of the database and the file system in the block into a StoreError that says what to do."""
        try:
            with self._backend.plain_errors():
                yield
        except (UnicodeEncodeError, OverflowError) as error:
            raise StoreError(f"A value cannot be stored: {error}.", hint="Take it out, or make it smaller.") from error

    def _check_schema(self) -> None:
        with self._backend.engine.connect() as connection:  # takes no write lock: another process may hold it for long
            version = _schema_version(connection)
        if version is None:
            version = self._migrate()
        elif migrations.OLDEST <= version < schema.VERSION:
            version = self._migrate_after_copy(version) if self.is_file else self._migrate()
        if version == -schema.VERSION:
            if self._half_copy:
                return
            hint = "Give the command `promptgrid copy-store` again: it goes on where it was."
            raise StoreError(f"The database {self.place} is a copy that is not complete.", hint=hint)
        if version != schema.VERSION:
            way = "Update promptgrid, or set" if version > schema.VERSION else "Set"
            raise StoreError(
                f"The database {self.place} has the schema version {version}; this promptgrid reads"
                f" {migrations.OLDEST} to {schema.VERSION}.",
                hint=f"{way} {self._backend.elsewhere}.",
            )

    def _migrate_after_copy(self, version: int) -> int:
        copy = self.copies() / f"version-{version}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.sqlite3"
        self.copy_to(copy)
        try:
            return self._migrate()
        except BaseException:
            copy.unlink()  # nothing has changed
            raise

    def _migrate(self) -> int:
        """Creates the tables of a new database, or migrates an older one, and returns its new version. One transaction
        holds the write lock from its start: when two processes do this at once, the second finds nothing to do."""
        with self._backend.writing().connect() as connection, connection.begin():
            version = _schema_version(connection)
            if version is None:
                for tables in (conversation_tables, document_tables, shared_tables):
                    self._backend.create_tables(connection, tables.metadata)
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
        with self.plain_errors(), self._backend.writing().connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def touch(self) -> Iterator[sa.Connection]:
        """Opens a transaction that changes one row of a table. On a server it waits for no other writer but one of the
        same row: what says that a process lives must not wait behind a large plan. Raises StoreError."""
        with self.plain_errors(), self._backend.touching().connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Opens a transaction for reading: all queries in the block see one state of the database. Raises
        StoreError."""
        with self.plain_errors(), self._backend.engine.connect() as connection:
            yield connection

    def version(self) -> object:
        """Returns a value that differs from that of the previous call when any process has committed since."""
        with self.plain_errors():
            return self._backend.version()

    def copies(self) -> Path:
        """Returns the folder for copies of this database. One is put there before each change of the schema."""
        folder = self.path.with_name("copies")
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def copy_to(self, path: Path) -> None:
        """Writes a copy of the database as it is now to a new file, while others may use it. Raises StoreError if the
        file exists, or cannot be written, or the store is not a file."""
        self._backend.copy_to(path)

    def vacuum(self) -> None:
        """Frees the disk space of removed rows. Takes as long as copying the rest of the database."""
        with self.plain_errors():
            self._backend.vacuum()

    def close(self) -> None:
        """Closes all connections. The next use of the object opens new ones."""
        self._backend.close()


def _schema_version(connection: sa.Connection) -> int | None:
    """Returns the schema version of the database; None for a new database."""
    if not sa.inspect(connection).has_table(schema.meta.name):
        return None
    version = connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.name == "schema_version"))
    return None if version is None else int(version)


def write_many(connection: sa.Connection, statement: sa.Insert | sa.Update | sa.Delete, rows: Sequence[Row]) -> None:
    """Executes the statement once per row; a row maps the names of all columns or parameters to values. Takes a third
    of the time of `execute`, which inspects every value. For plain values only: no column may need a conversion or have
    a default."""
    if rows:
        backend_of(connection).write_many(connection, statement, rows)


def next_ids(connection: sa.Connection, column: sa.Column[Any], count: int) -> list[int]:
    """Returns `count` new ids for the primary key `column`, ascending, within a transaction that writes."""
    return backend_of(connection).next_ids(connection, column, count) if count else []


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
