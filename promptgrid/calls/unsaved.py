"""Keeps replies that are not committed yet in files that survive a killed process.

A commit waits briefly so that several replies share one fsync. A paid reply is written to a file at once: the operating
system keeps the file even if this process is killed. The next process that works on the run commits the reply from the
file.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptgrid import files, paths
from promptgrid.store import Database, commits
from promptgrid.store.database import Row
from promptgrid.store.stored_replies import is_reply_row, stored_replies

_FOLDER = "unsaved"
_JUDGED = "judged"
_recovering = threading.Lock()

log = logging.getLogger("promptgrid.runner")


class UnsavedReplies:
    """The files with replies that are not committed yet, of one runner of a run or, with `epoch` None, of its judges.
    Each commit has a file of its own."""

    def __init__(self, run_id: str, epoch: int | None) -> None:
        self._stem = folder() / f"{_prefix(run_id, epoch)}{epoch or 0}"
        self._number = 0
        self._file: int | None = None
        self._closed: list[Path] = []

    def add(self, rows: Sequence[Row], settled: int | None) -> None:
        """Writes the database rows of new replies, and the id of the reserved cost that they settle (None: none).
        Ignores write errors: the journal reports a full disk."""
        line = (json.dumps({"rows": list(rows), "settled": settled}) + "\n").encode()
        with suppress(OSError):
            if os.write(self._open(), line) < len(line):  # the disk is full: the next line must not join this one
                self.start_file()

    def start_file(self) -> None:
        """Closes the current file; rows that are added later go to a new file."""
        if self._file is not None:
            os.close(self._file)
            self._closed.append(self._path)
            self._file = None
            self._number += 1

    def clear(self) -> None:
        """Removes the files closed by `start_file`. Call it when their replies are committed."""
        for path in self._closed:
            path.unlink(missing_ok=True)
        self._closed.clear()

    @property
    def _path(self) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{self._number}.jsonl")

    def _open(self) -> int:
        if self._file is None:
            self._file = files.private(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return self._file


def folder() -> Path:
    """Returns the folder of these files, in the data folder."""
    path = paths.data_folder() / _FOLDER
    with paths.writing(path):
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def _prefix(run_id: str, epoch: int | None) -> str:
    """Returns the beginning of the names of a run's files of unsaved replies. It is another one for judges (`epoch`
    None) than for a runner, since a runner must not take the files that judges are writing."""
    return f"{_JUDGED}.{run_id}." if epoch is None else f"{run_id}."


def recover(database: Database, run_id: str, epoch: int | None) -> int:
    """Commits the replies that a killed process had received for this run but not committed, and removes its files.
    `epoch` is the claim of the new runner; None takes the files of a killed judge.

    Returns the number of replies.
    """
    with _recovering:
        return _recover(database, run_id, epoch, _prefix(run_id, epoch))


def recover_others(database: Database, in_progress: Collection[str]) -> None:
    """Commits what killed runners had received for any run but those in progress, so that other runs reuse it. The
    caller must hold the runner lock of the data folder: only then are these runners dead."""
    for run_id in {path.name.split(".")[0] for path in folder().glob("*.jsonl")} - {_JUDGED}:
        with _recovering, suppress(commits.Fenced):  # the run was removed
            if run_id not in in_progress:
                _recover(database, run_id, None, f"{run_id}.")


def _recover(database: Database, run_id: str, epoch: int | None, prefix: str) -> int:
    paths = sorted(folder().glob(f"{prefix}*.jsonl"))
    entries = [entry for path in paths for entry in _entries(path)]
    rows = [row for entry in entries for row in entry["rows"]]
    stored = stored_replies(database, list({row["key"] for row in rows}), run_id)
    # With --fresh, a judge answers the same question twice, and both replies cost money: `created` tells them apart.
    known = {(key, sample, reply.created) for (key, sample), reply in stored.items()}
    new = {_name(row): row for row in rows if (*_name(row), row["created"]) not in known}
    # An entry whose replies are stored is already settled; another reservation may have its reservation's id now.
    unsaved = (entry for entry in entries if any(_name(row) in new for row in entry["rows"]))
    settled = [entry["settled"] for entry in unsaved if entry["settled"] is not None]
    if new:
        commits.commit(database, run_id, epoch, commits.Group(replies=list(new.values()), settled=settled))
        log.info("run %s: %d replies of a killed process are committed", run_id, len(new))
    for path in paths:
        path.unlink(missing_ok=True)
    return len(new)


def _name(row: Row) -> tuple[str, int]:
    return row["key"], row["sample"]


def _entries(path: Path) -> list[dict[str, Any]]:
    """Returns the entries that `UnsavedReplies.add` wrote to the file. A last line that was cut off by a kill is
    ignored. Any other line that cannot be read is left out; a copy of the file is then set aside and named in the log.
    """
    *lines, _ = path.read_bytes().split(b"\n")
    entries = [_entry(line) for line in lines]
    if None in entries:
        aside = path.with_suffix(".damaged")
        shutil.copyfile(path, aside)
        log.warning("%s: line %d cannot be read and is left out", aside, entries.index(None) + 1)
    return [entry for entry in entries if entry is not None]


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry: dict[str, Any] = json.loads(line)
        settled = entry["settled"]
        whole = all(is_reply_row(row) for row in entry["rows"]) and (settled is None or type(settled) is int)
    except (ValueError, TypeError, LookupError):
        return None
    return entry if whole else None
