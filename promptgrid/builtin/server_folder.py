"""The files by which processes share one model server.

server.json    address and key of the server, readable by the user only; written by the server when it listens
alive.lock     held by the server as long as it lives: the system frees it, even after kill -9
start.lock     held by the process that starts a server
seat-N.lock    held by the process that has a request in flight: as many seats as the model writes texts for it
next.lock      held by the process whose request is the next (see `queue.turn`)
used           its modification time is the time of the last request
server.log     the output of the server's process
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from promptgrid import files, paths
from promptgrid.builtin import weights
from promptgrid.errors import StoreError

SEATS = 8  # texts that the model works on at a time


@dataclass(frozen=True, slots=True)
class Listening:
    """The address, API `key` and process id of a server that is listening. `adapters` are the sha256 of the adapters
    that it has loaded, in the order of their ids."""

    url: str
    key: str
    pid: int
    adapters: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Listening(url={self.url!r}, pid={self.pid})"


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The folder with the files and locks of one server; each file of weights has its own, and one more for the server
    that has them unpacked."""

    folder: Path

    @classmethod
    def of(cls, path: Path, *, repeatable: bool = True) -> ServerFolder:
        """Returns the ServerFolder for the weights at `path`, without creating it; without `repeatable`, that of the
        server which has them as they are, quantised. The weights must exist."""
        return cls(paths.data_folder() / "builtin" / (weights.stamp(path) + "-f16" * repeatable))

    def create(self) -> ServerFolder:
        """Creates the folder and returns it. Raises StoreError if it cannot be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.used.touch()
        except OSError as error:
            raise StoreError(
                f"Cannot write to {self.folder}: {error.strerror}.",
                hint="Set PROMPTGRID_HOME to a folder that you can write to.",
            ) from error
        return self

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def used(self) -> Path:
        return self.folder / "used"

    def lock(self, name: str) -> FileLock:
        """Returns a new lock object for the file `NAME.lock`. Each caller needs its own object: two tasks that share
        one could hold the lock at the same time."""
        return FileLock(self.folder / f"{name}.lock", thread_local=False)

    def seats(self) -> list[FileLock]:
        """Returns new lock objects for all seats of the model."""
        return [self.lock(f"seat-{number}") for number in range(SEATS)]

    def alive(self) -> bool:
        """Whether a server's process holds `alive.lock`: it is listening, or still loading the weights."""
        lock = self.lock("alive")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        lock.release()
        return False

    def listening(self) -> Listening | None:
        try:
            fields = json.loads(self._server.read_bytes())
            server = Listening(**{**fields, "adapters": tuple(fields["adapters"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return server if self.alive() else None

    def publish(self, server: Listening) -> None:
        files.write(self._server, json.dumps(asdict(server)).encode())

    def withdraw(self) -> None:
        self._server.unlink(missing_ok=True)

    def touch(self) -> None:
        """Records that the server was used now: it ends after some time without use (see `process.idle_s`)."""
        self.used.touch()

    @property
    def _server(self) -> Path:
        return self.folder / "server.json"
