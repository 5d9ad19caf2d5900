"""One runner a data folder: a file lock that the system frees when its holder dies, and a note of who holds it."""

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


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that owns the runs. `settings` is a digest of endpoints and keys as it knows them."""

    pid: int
    settings: str
    stays: bool  # a runner process; False: a command that ends with its own run


def settings_digest() -> str:
    """Changes when an endpoint, a base URL or a key changes; says nothing about them."""
    known = [str((s.name, s.base_url, s.api_key)) for s in connections.settings().values()]
    around = [f"{name}={value}" for name, value in paths.environment().items() if name.upper() in _SETTINGS]
    return hashlib.sha256(json.dumps(sorted([*known, *around])).encode()).hexdigest()[:16]


class RunnerLock:
    """Held by the one process that may carry out runs of this data folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.data_folder()
        self._lock = FileLock(self.folder / "runner.lock", thread_local=False)
        self._next = FileLock(self.folder / "runner.next.lock", thread_local=False)
        self._note = self.folder / "runner.json"

    def acquire(self, *, wait_s: float = 0.0, stays: bool = True) -> bool:
        """Takes the lock within that time and leaves a note of who has it; False when somebody else keeps it."""
        try:
            self._lock.acquire(timeout=wait_s, poll_interval=0.1)
        except Timeout:
            return False
        note = Holder(os.getpid(), settings_digest(), stays)
        files.write(self._note, json.dumps(asdict(note)).encode())
        return True

    def acquire_in_turn(self, *, wait_s: float) -> bool:
        """As `acquire`, but only one process waits: False at once when another one does."""
        try:
            with self._next.acquire(timeout=0):
                return self.acquire(wait_s=wait_s)
        except Timeout:
            return False

    def release(self) -> None:
        """Lets the next one in."""
        self._lock.release()

    @property
    def awaited(self) -> bool:
        """Somebody waits for the lock."""
        return _held(self._next)

    def holder(self) -> Holder | None:
        """Who holds the lock now; None when nobody does."""
        if not _held(self._lock):
            return None
        try:
            note: dict[str, Any] = json.loads(self._note.read_text())
            return Holder(**note)
        except (OSError, ValueError, TypeError):
            return Holder(0, "", True)  # it is just writing its note


def _held(lock: FileLock) -> bool:
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
