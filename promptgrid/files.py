"""Files that are there whole or not at all, and files that only their owner reads."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

OWNER_ONLY = 0o600


def private(path: str | os.PathLike[str], flags: int) -> int:
    """Opens or creates a file that only its owner reads, and returns its descriptor; an `opener` of `open`."""
    return os.open(path, flags, OWNER_ONLY)


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` when the block ends without an error.

    A reader sees the old file or the new one, also after a power cut; an error leaves the old one. The file is its
    owner's only; with `shared` it keeps the mode of the old one, or has the system's usual mode. Raises OSError.
    """
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


def write(path: Path, data: bytes, *, shared: bool = False) -> None:
    """Writes the file all at once, as `replacing` does."""
    with replacing(path, shared=shared) as file:
        file.write(data)
