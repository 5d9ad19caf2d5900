"""What each kind of database provides to `Database`, and to statements that differ between the kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

Row = Mapping[str, Any]


class Backend(ABC):
    """One store: its SQLAlchemy `engine`, and its `place`, which names it in messages, without a password. Calls must
    be made within `plain_errors`, but for `copy_to` and `plain_errors` itself."""

    place: str
    engine: sa.Engine
    elsewhere: str
    """Which variable chooses another store, such as `PROMPTGRID_HOME to another folder`."""

    @abstractmethod
    def plain_errors(self) -> AbstractContextManager[None]:
        """Turns errors of the database in the block into a StoreError that says what to do."""

    @abstractmethod
    def writing(self) -> sa.Engine:
        """Returns the engine for transactions that write: they hold the write lock from their start."""

    @abstractmethod
    def touching(self) -> sa.Engine:
        """Returns the engine for transactions that change single rows, and do not wait for the write lock if the
        database locks rows."""

    @abstractmethod
    def version(self) -> object:
        """Returns a value that differs from that of the previous call when any process has committed since."""

    @abstractmethod
    def server(self) -> str:
        """Returns the database's name and version, such as `SQLite 3.46.1`."""

    @abstractmethod
    def create_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        """Creates the tables and indexes that are missing."""

    @abstractmethod
    def path(self) -> Path:
        """Returns the file of the store. Raises StoreError if the store is not a file."""

    @abstractmethod
    def copy_to(self, path: Path) -> None:
        """Writes a copy of the store to a new file. Raises StoreError if it cannot."""

    @abstractmethod
    def vacuum(self) -> None:
        """Frees the disk space of removed rows."""

    @abstractmethod
    def close(self) -> None:
        """Closes all connections. The next use of the object opens new ones."""

    @abstractmethod
    def next_ids(self, connection: sa.Connection, column: sa.Column[Any], count: int) -> list[int]:
        """Returns `count` new ids for the primary key `column`, ascending, within a transaction that writes."""

    @abstractmethod
    def ids_taken(self, connection: sa.Connection, column: sa.Column[Any]) -> None:
        """Makes `next_ids` begin after the ids that are there, which were written by their values."""

    @abstractmethod
    def write_many(self, connection: sa.Connection, statement: Any, rows: Sequence[Row]) -> None:
        """Executes the statement once per row; see `database.write_many`."""

    @abstractmethod
    def parameter(self, column: sa.Column[Any]) -> str:
        """Returns the SQL text of a parameter, by its place in the statement, for a value of the column."""


def backend_of(connection: sa.Connection) -> Backend:
    """Returns the backend that the connection belongs to."""
    backend: Backend = connection.info["backend"]
    return backend
