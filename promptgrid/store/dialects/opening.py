"""Chooses the store by the environment variable PROMPTGRID_DATABASE."""

from __future__ import annotations

import os
from pathlib import Path

from promptgrid import paths
from promptgrid.store.dialects.backend import Backend
from promptgrid.store.dialects.sqlite import SqliteBackend


def open_backend(path: Path | None) -> Backend:
    """Returns the store that PROMPTGRID_DATABASE names, else the SQLite file in the data folder; with `path` always the
    SQLite file there. Raises StoreError if it cannot be opened."""
    url = "" if path else os.environ.get("PROMPTGRID_DATABASE", "")
    if not url:
        return SqliteBackend(path or paths.data_folder() / "promptgrid.sqlite3")
    from promptgrid.store.dialects.postgresql import PostgresqlBackend

    return PostgresqlBackend(url)
