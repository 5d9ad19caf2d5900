"""Allows one runner per data folder: a file lock that the system frees when its holder dies, and a file about the
holder."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from promptgrid import connections, files, paths

_SETTINGS = frozenset(
    {"PROMPTGRID_BUILTIN_MODEL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)

_MOMENT_S = 2.0  # a process that finds the lock free, or only looks at it, holds the place in the line for a moment


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the runner lock, by its `pid` (0: not known yet). `settings` is the `settings_digest` of
    the endpoints and keys that it uses; `stays` is False for a command that exits after its own run."""

    pid: int
    settings: str
    stays: bool  # True: a runner process; False: a command that exits after its own run


def settings_digest() -> str:
    """Returns a hash of all endpoints, base URLs and keys, to tell whether a runner uses the present ones. It does not
    reveal the keys."""
    endpoints = [str((s.name, s.base_url, s.api_key)) for s in connections.settings().values()]
    variables = [f"{name}={value}" for name, value in paths.environment().items() if name.upper() in _SETTINGS]
    return hashlib.sha256(json.dumps(sorted([*endpoints, *variables])).encode()).hexdigest()[:16]


class RunnerLock:
    """The lock of the one process that may carry out runs of this data folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.data_folder()
        self._lock = FileLock(self.folder / "runner.lock", thread_local=False)
        self._next = FileLock(self.folder / "runner.next.lock", thread_local=False)
        self._holder_file = self.folder / "runner.json"

    def acquire(self, *, wait_s: float = 0.0, stays: bool = True) -> bool:
        """Takes the lock and writes the holder's file. Returns False if another process holds the lock during all of
        `wait_s`. `stays` is False for a command that exits after its own run."""
        with paths.writing(self._holder_file):
            try:
                self._lock.acquire(timeout=wait_s, poll_interval=0.1)
            except Timeout:
                return False
            holder = Holder(os.getpid(), settings_digest(), stays)
            try:
                files.write(self._holder_file, json.dumps(asdict(holder)).encode())
            except OSError:
                self._lock.release()
                raise
        return True

    def acquire_in_turn(self, *, wait_s: float) -> bool:
        """Takes the lock like `acquire`, as a runner that stays. Only one process may wait for it: returns False
        after a moment if another one is waiting."""
        try:
            with self._next.acquire(timeout=_MOMENT_S):
                return self.acquire(wait_s=wait_s)
        except Timeout:
            return False

    def release(self) -> None:
        self._lock.release()

    @property
    def awaited(self) -> bool:
        """Whether a process is waiting in `acquire_in_turn`."""
        return _held(self._next)

    def holder(self) -> Holder | None:
        """Returns the process that holds the lock; None when the lock is free. Before the holder has written its file,
        its pid is 0."""
        if not _held(self._lock):
            return None
        try:
            body: dict[str, Any] = json.loads(self._holder_file.read_text())
            return Holder(**body)
        except (OSError, ValueError, TypeError):
            return Holder(0, "", True)  # the holder has not written its file yet


def _held(lock: FileLock) -> bool:
    with paths.writing(Path(lock.lock_file)):
        try:
            with lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
