"""Writes exported files atomically."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from promptgrid import files
from promptgrid.errors import ExportError


def save(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """Calls `write` with a temporary file, moves it to `path` if that succeeds, and returns the result of `write`.

    If it fails (no folder, no space, no permission: ExportError), an existing file at `path` is unchanged. A symbolic
    link stays a link; a target that is not a regular file (a pipe) is written directly.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                return write(file)
        with files.replacing(target, shared=True) as file:
            return write(file)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        hint = f"Create the folder {path.parent}." if missing else "Choose another folder, or free some space."
        raise ExportError(f"Cannot write {path}: {error.strerror}.", hint=hint) from error
