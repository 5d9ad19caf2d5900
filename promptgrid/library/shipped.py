"""Which prompts of a library are those that Promptgrid brings along."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from promptgrid import paths
from promptgrid.errors import StoreError
from promptgrid.library.folder import LibraryEntry

_SECONDS = 120  # a clone or an update writes its files within this time


def is_shipped(entry: LibraryEntry) -> bool:
    """Returns whether the file is as Promptgrid brought it, so that the time of its change says nothing to the user: it
    has the content of the shipped prompt of its name. In a checkout it is that file itself, and then counts as shipped
    if it was written together with the other files of the checkout."""
    return _is_shipped(entry.path, entry.modified)


@lru_cache(maxsize=1024)
def _is_shipped(path: Path, modified: float) -> bool:
    try:
        folder = paths.shipped_folder()
        shipped = folder / "prompts" / path.name
        if shipped.samefile(path):
            return abs(modified - (folder / "workbench.py").stat().st_mtime) < _SECONDS
        return shipped.read_bytes() == path.read_bytes()
    except (OSError, StoreError):
        return False
