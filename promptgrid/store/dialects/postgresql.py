"""A store in a schema of a PostgreSQL database: its transactions, its write lock, its texts, and plain error messages.

The schema is the first of the role's search path (`public` unless the URL or the role says otherwise).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.compiler import compiles

from promptgrid.errors import StoreError
from promptgrid.store.dialects.backend import Backend, Row
from promptgrid.store.dialects.sql import AsciiLike, ByteLength, DatabaseTime, Position, Truncated

_ESCAPE, _NUL = "\U0010ffff", "\U0010ffff0"
_LOCK_MS = 15_000
_WRITE_LOCK = "SELECT pg_advisory_xact_lock(hashtext('promptgrid ' || current_schema()))"


class PostgresqlBackend(Backend):
    """One schema of a PostgreSQL database. One transaction writes at a time: it holds an advisory lock."""

    elsewhere = "PROMPTGRID_DATABASE to another one"

    def __init__(self, url: str) -> None:
        address = _address(url)
        self.place = address.set(drivername="postgresql").render_as_string(hide_password=True)
        self._watching = threading.Lock()
        self._watcher: sa.Connection | None = None
        # Without the second, a query to a server whose link was cut would wait for many minutes.
        limits = {"connect_timeout": 10, "tcp_user_timeout": 10_000}
        engine = sa.create_engine(address, connect_args=limits, pool_pre_ping=True, pool_size=4)
        sa.event.listen(engine, "connect", self._configure)
        self.engine = engine.execution_options(isolation_level="REPEATABLE READ")
        self._touching = engine.execution_options(isolation_level="READ COMMITTED")
        self._writing = engine.execution_options(isolation_level="READ COMMITTED")
        sa.event.listen(self._writing, "begin", _begin)

    def _configure(self, connection: Any, record: Any) -> None:
        record.info["backend"] = self
        _adapt(connection)
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = {_LOCK_MS}")
        connection.autocommit = False

    def path(self) -> Path:
        self._no_file("is not a file")

    def _no_file(self, reason: str) -> NoReturn:
        hint = (
            f"pg_dump --format=custom --file=FILE '{self.place}' copies it while runs go on, pg_restore brings it back;"
            f" promptgrid copy-store '{self.place}' FILE.sqlite3 makes a SQLite file of it."
        )
        raise StoreError(f"The store {self.place} {reason}.", hint=hint)

    def writing(self) -> sa.Engine:
        return self._writing

    def touching(self) -> sa.Engine:
        return self._touching

    def server(self) -> str:
        with self.engine.connect() as connection:
            return f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar_one()}"

    def version(self) -> object:
        """The snapshot names the transactions in progress and the next one: each commit changes it."""
        with self._watching:
            if self._watcher is None:
                self._watcher = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                return self._watcher.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar_one()
            except DBAPIError:
                self._watcher.close()
                self._watcher = None
                raise

    def create_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        """Texts are ordered by code point, as in SQLite, whatever the database's locale is."""
        own = sa.MetaData()
        for table in metadata.sorted_tables:
            for column in table.to_metadata(own).columns:
                if isinstance(column.type, sa.String) and not column.foreign_keys:
                    column.type = type(column.type)(collation="C")
        own.create_all(connection)

    def copy_to(self, path: Path) -> None:
        self._no_file("cannot be copied to a file by Promptgrid")

    def vacuum(self) -> None:
        """PostgreSQL frees the space by itself."""

    def close(self) -> None:
        with self._watching:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
        self.engine.dispose()

    def next_ids(self, connection: sa.Connection, column: sa.Column[Any], count: int) -> list[int]:
        sequence = f"pg_get_serial_sequence('{column.table.name}', '{column.name}')"
        query = f"SELECT nextval({sequence}) FROM generate_series(1, {count})"
        return sorted(connection.exec_driver_sql(query).scalars())

    def ids_taken(self, connection: sa.Connection, column: sa.Column[Any]) -> None:
        table = column.table
        if table.autoincrement_column is column:
            sequence = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
            largest = f"(SELECT max({column.name}) FROM {table.name})"
            connection.exec_driver_sql(f"SELECT setval({sequence}, coalesce({largest}, 1), {largest} IS NOT NULL)")

    def write_many(self, connection: sa.Connection, statement: Any, rows: Sequence[Row]) -> None:
        connection.exec_driver_sql(_compiled(statement, connection.dialect, tuple(rows[0])), list(rows))

    def parameter(self, column: sa.Column[Any]) -> str:
        return f"%s::{column.type.compile(self.engine.dialect)}"

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            first = (str(cause).strip() or "no reason was given").splitlines()[0].rstrip(".")
            hint = _remedy(getattr(cause, "sqlstate", None) or "", str(cause))
            raise StoreError(f"The store {self.place} cannot be used: {first}.", hint=hint) from error


def _address(url: str) -> sa.URL:
    """Returns the URL with its driver. Raises StoreError, without the URL, which may hold a password."""
    hint = "Write postgresql://USER:PASSWORD@HOST:5432/DATABASE, or unset it to use the file in the data folder."
    try:
        address = sa.make_url(url)
    except ArgumentError:
        raise StoreError("PROMPTGRID_DATABASE is not a URL.", hint=hint) from None
    if address.drivername not in ("postgresql", "postgres"):
        raise StoreError(f"PROMPTGRID_DATABASE names a database of the kind {address.drivername}.", hint=hint)
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        hint = "Install it: pip install 'promptgrid[postgres]'."
        raise StoreError("PROMPTGRID_DATABASE needs the extra `postgres`, which is missing.", hint=hint) from error
    return address.set(drivername="postgresql+psycopg")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(_WRITE_LOCK)


@cache
def _compiled(statement: Any, dialect: sa.Dialect, names: tuple[str, ...]) -> str:
    return str(statement.compile(dialect=dialect, column_keys=names))


_REMEDIES = (
    ("28P01", "The password is wrong: correct it in PROMPTGRID_DATABASE."),
    ("28", "The server refuses this user: check PROMPTGRID_DATABASE and the server's pg_hba.conf."),
    ("3D", "Create the database (createdb), or correct its name in PROMPTGRID_DATABASE."),
    ("3F", "Create the schema, or correct the search path of the user."),
    ("42501", "The user lacks rights: GRANT USAGE, CREATE ON SCHEMA, and ALL on its tables."),
    ("25006", "The server is read-only (a standby, or set so): name the primary in PROMPTGRID_DATABASE."),
    (
        "53100",
        "The server's disk is full: free space there; what was committed is safe, a run goes on with `resume`.",
    ),
    ("53300", "The server has no connection left: close some, or raise its max_connections."),
    ("55P03", "Another process holds the write lock for long; try again."),
)
_GONE = "The server is not reachable: start it, or correct PROMPTGRID_DATABASE; what was committed is safe."


def _remedy(state: str, message: str) -> str:
    """Returns what to do about an error by its SQLSTATE; a refused connection has no state, only the message."""
    if not state and "password authentication failed" in message:
        state = "28P01"
    if not state and "does not exist" in message:
        state = "3D000" if "database" in message else "28000"
    if not state or state[:2] in ("08", "57"):
        return _GONE
    return next((text for prefix, text in _REMEDIES if state.startswith(prefix)), "See the server's log.")


def _adapt(connection: Any) -> None:
    """Makes the connection store NUL characters, which PostgreSQL's texts cannot hold, as an escape, and return sums
    and quotients as int or float, as SQLite does."""
    from psycopg.types.string import StrDumperUnknown, TextLoader

    class Escaped(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(_escaped(obj))

    class Unescaped(TextLoader):
        def load(self, data: Any) -> Any:
            text = super().load(data)
            return _unescaped(text) if isinstance(text, str) and _ESCAPE in text else text

    class Number(TextLoader):
        def load(self, data: Any) -> Any:
            text = bytes(data).decode()
            return int(text) if text.lstrip("-").isdigit() else float(text)

    connection.adapters.register_dumper(str, Escaped)
    for name in ("text", "varchar", "bpchar", "name"):
        connection.adapters.register_loader(name, Unescaped)
    connection.adapters.register_loader("numeric", Number)


def _escaped(text: str) -> str:
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _NUL)


def _unescaped(text: str) -> str:
    return text.replace(_NUL, "\0").replace(_ESCAPE + "1", _ESCAPE)


@compiles(OnConflictDoNothing, "postgresql")
@compiles(OnConflictDoUpdate, "postgresql")
def _on_conflict(element: Any, compiler: Any, **options: Any) -> str:
    """SQLite's clause is PostgreSQL's without a named constraint."""
    element.constraint_target = None
    return str(getattr(compiler, f"visit_{element.__visit_name__}")(element, **options))


@compiles(AsciiLike, "postgresql")
def _like(element: AsciiLike, compiler: Any, **options: Any) -> str:
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} COLLATE \"C\" ILIKE {pattern} ESCAPE '\\')"


@compiles(Position, "postgresql")
def _position(element: Position, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(ByteLength, "postgresql")
def _byte_length(element: ByteLength, compiler: Any, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


@compiles(Truncated, "postgresql")
def _truncated(element: Truncated, compiler: Any, **options: Any) -> str:
    """A cast alone rounds in PostgreSQL."""
    return f"CAST(trunc({compiler.process(element.clauses, **options)}) AS BIGINT)"


@compiles(DatabaseTime, "postgresql")
def _clock(element: DatabaseTime, compiler: Any, **options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
