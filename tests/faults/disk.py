"""A disk that fills up: SQLite has no more pages, and files have no more room."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import Any

import sqlalchemy as sa


class Disk:
    """With `room`, the databases of this process may grow by so many pages, as SQLite itself holds to it. With `full`,
    nothing can be written at all, to no database and by no `files.replacing`; with `read_only`, no file can be opened
    for writing either. `refused` counts what was refused."""

    room: int | None = None
    full = False
    read_only = False
    refused = 0
    full_words = "database or disk is full"  # SQLite's

    def said(self, context: sa.engine.ExceptionContext) -> None:
        self.refused += "disk is full" in str(context.original_exception)

    def seen(self, connection: Any, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={2**30 if self.room is None else pages + self.room}")

    def begins(self, _connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if (self.full or self.read_only) and statement == "BEGIN IMMEDIATE":
            self.refused += 1
            raise sqlite3.OperationalError(self.full_words if self.full else "attempt to write a readonly database")

    def sync(self, descriptor: int) -> None:
        """Stands in for os.fsync, by which a file system says that the data have no place."""
        if self.full:
            self.refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._read_only()
        _fsync(descriptor)

    def open(self, path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        """Stands in for os.open."""
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._read_only()
        return _open(path, flags, *arguments, **named)

    def mkdir(self, *arguments: Any, **named: Any) -> None:
        """Stands in for os.mkdir."""
        self._read_only()
        _mkdir(*arguments, **named)

    def _read_only(self) -> None:
        if self.read_only:
            self.refused += 1
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))


_fsync, _open, _mkdir = os.fsync, os.open, os.mkdir
