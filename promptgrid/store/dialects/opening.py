"""Chooses the store by the environment variable PROMPTGRID_DATABASE, or by what a person named."""

from __future__ import annotations

import os
from pathlib import Path

from promptgrid import paths
from promptgrid.errors import StoreError
from promptgrid.store.dialects.backend import Backend
from promptgrid.store.dialects.sqlite import SqliteBackend


def open_backend(place: Path | str | None) -> Backend:
    """Returns the store that PROMPTGRID_DATABASE names, else the SQLite file in the data folder; with `place` the
    SQLite file at that path, or the database of that URL. Raises StoreError if it cannot be opened."""
    if isinstance(place, Path):
        return SqliteBackend(place)
    url = place or os.environ.get("PROMPTGRID_DATABASE", "")
    if not url:
        return SqliteBackend(paths.data_folder() / "promptgrid.sqlite3")
    from promptgrid.store.dialects.postgresql import PostgresqlBackend

    return PostgresqlBackend(url)


def place_of(named: str) -> Path | str:
    """Returns what a person named on a command line: a URL as it is, anything else as the path of a file."""
    return named if "://" in named else Path(named)


def existing(named: str) -> Path | str:
    """Returns the same for a store that must be there. Raises StoreError if there is no such file."""
    place = place_of(named)
    if isinstance(place, Path) and not place.is_file():
        raise StoreError(f"There is no file {place}.", hint="Name a SQLite file or a postgresql:// URL.")
    return place
