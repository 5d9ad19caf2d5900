"""Replies that have come in and are not in the database yet, in a file that a killed process leaves behind.

A commit waits for others to share its fsync; a reply that was paid for does not wait: it is handed to the system at
once, which keeps it whatever becomes of this process. The next runner of the run takes it from here.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptgrid import files, paths
from promptgrid.store import Database, commits
from promptgrid.store.database import Row
from promptgrid.store.stored_replies import stored_replies

_FOLDER = "unsaved"

log = logging.getLogger("promptgrid.runner")


class Rescue:
    """The file of one claim of a run, or of those who judge it: written with each reply, begun anew with each
    commit."""

    def __init__(self, run_id: str, epoch: int | None) -> None:
        self._stem = folder() / f"{_beginning(run_id, epoch)}{epoch or 0}"
        self._number = 0
        self._file: int | None = None
        self._old: list[Path] = []

    def note(self, rows: Sequence[Row], settled: int | None) -> None:
        """Keeps the rows of new replies, and the reservation that they settle. A full disk is told elsewhere."""
        line = json.dumps({"rows": list(rows), "settled": settled}) + "\n"
        with suppress(OSError):
            os.write(self._open(), line.encode())

    def turn(self) -> None:
        """What follows goes to another file."""
        if self._file is not None:
            os.close(self._file)
            self._old.append(self._path)
            self._file = None
            self._number += 1

    def clear(self) -> None:
        """All that was noted before the last `turn` is committed."""
        for path in self._old:
            path.unlink(missing_ok=True)
        self._old.clear()

    @property
    def _path(self) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{self._number}.jsonl")

    def _open(self) -> int:
        if self._file is None:
            self._file = files.private(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return self._file


def folder() -> Path:
    """Where these files are, in the data folder."""
    found = paths.data_folder() / _FOLDER
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def _beginning(run_id: str, epoch: int | None) -> str:
    """Of the names of these files: a runner leaves those alone that somebody who judges is just writing."""
    return f"judged.{run_id}." if epoch is None else f"{run_id}."


def recover(database: Database, run_id: str, epoch: int | None) -> int:
    """Stores what a killed runner of this run, or without an `epoch` a killed judge, had received and not committed.
    Returns how many replies."""
    files = sorted(folder().glob(f"{_beginning(run_id, epoch)}*.jsonl"))
    notes = [note for file in files for note in _notes(file)]
    rows = [row for note in notes for row in note["rows"]]
    stored = stored_replies(database, list({row["key"] for row in rows}), run_id)
    # A judge may have been asked the same twice, each time paid.
    known = {(key, sample, one.created) for (key, sample), one in stored.items()}
    new = {_name(row): row for row in rows if (*_name(row), row["created"]) not in known}
    # One whose replies are in the database was settled with them, and its number is another one's by now.
    unsaved = (note for note in notes if any(_name(row) in new for row in note["rows"]))
    settled = [note["settled"] for note in unsaved if note["settled"] is not None]
    if new:
        commits.commit(database, run_id, epoch, commits.Group(replies=list(new.values()), settled=settled))
        log.info("run %s: %d replies of a runner that was killed are kept", run_id, len(new))
    for file in files:
        file.unlink(missing_ok=True)
    return len(new)


def _name(row: Row) -> tuple[str, int]:
    return row["key"], row["sample"]


def _notes(file: Path) -> list[dict[str, Any]]:
    """The whole lines; one that was cut by the end of its process is left out."""
    notes = []
    for line in file.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):
            notes.append(json.loads(line))
    return notes
