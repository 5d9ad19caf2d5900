"""An export that is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from promptgrid.errors import ExportError


def save(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """Hands `write` a file beside `path` and puts it in its place when that ends well; returns what `write` returned.

    A failure (no space, no permission: ExportError) leaves the file that was there before.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb", buffering=1024 * 1024) as file:
            count = write(file)
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise
    return count


def _unwritable(path: Path, error: OSError) -> ExportError:
    return ExportError(f"Cannot write {path}: {error.strerror}.", hint="Choose another folder, or free some space.")
