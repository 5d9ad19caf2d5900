"""A disk that fills up: SQLite has no more pages, and files have no more room."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import Any

import sqlalchemy as sa


class Disk:
    """With `room`, the databases of this process may grow by so many pages, as SQLite itself holds to it. With `full`,
    nothing can be written at all, to no database and by no `files.replacing`. `refused` counts what was refused."""

    room: int | None = None
    full = False
    refused = 0

    def said(self, context: sa.engine.ExceptionContext) -> None:
        self.refused += "disk is full" in str(context.original_exception)

    def seen(self, connection: Any, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={2**30 if self.room is None else pages + self.room}")

    def begins(self, _connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if self.full and statement == "BEGIN IMMEDIATE":
            self.refused += 1
            raise sqlite3.OperationalError("database or disk is full")

    def sync(self, descriptor: int) -> None:
        """Stands in for os.fsync, by which a file system says that the data have no place."""
        if self.full:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        _fsync(descriptor)


_fsync = os.fsync
