"""Atomic writes of exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from promptgrid import files
from promptgrid.errors import ExportError


def save(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """Hands `write` a file beside `path` and puts it in its place when that ends well; returns what `write` returned.

    A failure (no space, no permission: ExportError) leaves the file that was there before. A link stays a link; what is
    no regular file (a pipe) is written directly.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                return write(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(target, shared=True) as file:
            return write(file)
    except OSError as error:
        hint = "Choose another folder, or free some space."
        raise ExportError(f"Cannot write {path}: {error.strerror}.", hint=hint) from error
