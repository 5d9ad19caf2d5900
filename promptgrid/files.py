"""Writes files atomically, and creates files that only their owner can read."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

OWNER_ONLY = 0o600
STALE_S = 86_400.0  # after so long without a change, a process that was killed has left a temporary file behind
_HEX = "[0-9a-f]" * 8


def private(path: str | os.PathLike[str], flags: int) -> int:
    """Opens or creates a file with these `flags` of os.open, and returns its descriptor. A new file can be read by its
    owner only. To be passed to `open` as its `opener`."""
    return os.open(path, flags, OWNER_ONLY)


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[BinaryIO]:
    """Yields a temporary file that replaces the file at `path` when the block ends without an error.

    A reader sees the whole old file or the whole new one, even after a power cut; an error keeps the old one. Only the
    owner can read the new file; with `shared` it has the old file's mode, or the system's default. Temporary files in
    the folder that killed processes left behind are removed. Raises OSError.
    """
    remove_stale(path.parent, f".*.{_HEX}.part")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb", buffering=1024 * 1024, opener=None if shared else private) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if shared and path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_stale(folder: Path, pattern: str) -> None:
    """Removes the files and folders in `folder` that match the glob pattern and have not changed for a day."""
    with suppress(OSError):  # another process removes them too, or the folder is missing
        for path in folder.glob(pattern):
            if path.lstat().st_mtime > time.time() - STALE_S:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def write(path: Path, data: bytes, *, shared: bool = False) -> None:
    """Replaces the content of the file at `path` by `data` at once: a reader sees the old or the new content. `shared`
    and errors are as for `replacing`."""
    with replacing(path, shared=shared) as file:
        file.write(data)
