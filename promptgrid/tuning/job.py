"""The folder of one tuning, by which its process and all others know of it: <data folder>/tunings/NAME/.

settings.json   the fields of TuningSettings
learn.jsonl, held_out.jsonl     the examples
state.json      the fields of TuningState, replaced by the process at most every half second
steps.jsonl     one object per step: step, epoch, loss
checkpoint.pt   what the tuning needs to go on: after every epoch, and where it was paused
wanted          "pause" or "cancel", written by another process
alive.lock      held by the process as long as it lives: the system frees it, even after kill -9
replies.jsonl   dpo: the replies to the held-out prompts before and after
log.txt         the output of the process
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from promptgrid import files, paths
from promptgrid.errors import TuningError
from promptgrid.tuning.settings import TuningSettings

TuningStatus = Literal["waiting", "loading", "tuning", "judging", "done", "paused", "cancelled", "failed", "stopped"]
"""`waiting` for another tuning, `judging` the held-out examples, `stopped` without a word: killed, or out of memory."""
ACTIVE: tuple[TuningStatus, ...] = ("waiting", "loading", "tuning", "judging")
RESUMABLE: tuple[TuningStatus, ...] = ("paused", "failed", "stopped")


@dataclass(frozen=True, slots=True)
class TuningState:
    """How far a tuning is: `step` of `steps` are done (an epoch has several), `left_s` more seconds are expected (None:
    not known yet), `cpu_s` seconds of CPU were used, and `peak_bytes` of memory at the most.

    curve      one object per epoch, from 0, the base: epoch, step, loss, held_out_loss, accuracy (None: no
               answers are read), cpu_s
    best       the epoch to keep so far
    examples, held_out   the numbers of examples to learn from and to judge by
    at_a_time  the number of examples that are computed at once (0: not known yet): the fewer, the less memory
    result     what dpo measured on the held-out prompts
    notes      where a slower way was taken, or examples were left out
    error      why the tuning failed
    """

    status: TuningStatus = "waiting"
    step: int = 0
    steps: int = 0
    left_s: float | None = None
    cpu_s: float = 0.0
    peak_bytes: int = 0
    curve: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    error: str = ""
    examples: int = 0
    held_out: int = 0
    best: int = 0
    at_a_time: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TuningJob:
    """A tuning by its `name`, which is that of the adapter it makes."""

    name: str

    @property
    def folder(self) -> Path:
        return jobs_folder() / self.name

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def settings(self) -> TuningSettings:
        """Returns the settings of the tuning. Raises TuningError if they are missing."""
        return TuningSettings.from_json(self._read("settings.json"))

    def examples(self, part: Literal["learn", "held_out"]) -> list[dict[str, Any]]:
        """Returns the examples to learn from, or those held out."""
        return list(_objects(self.folder / f"{part}.jsonl"))

    def state(self) -> TuningState:
        """Returns how far the tuning is. The status of a process that died without a word is `stopped`."""
        alive = self.alive()  # first: a process writes its last state before it frees the lock
        values = self._read("state.json")
        known = {one.name for one in fields(TuningState)}
        state = TuningState(**{name: value for name, value in values.items() if name in known})
        return replace(state, status="stopped", left_s=None) if state.status in ACTIVE and not alive else state

    def write_state(self, state: TuningState) -> None:
        """Replaces the state. Raises StoreError."""
        self._write("state.json", asdict(state))

    def write_settings(self, settings: TuningSettings) -> None:
        """Replaces the settings. Raises StoreError."""
        self._write("settings.json", settings.to_json())

    def steps(self) -> list[dict[str, Any]]:
        """Returns step, epoch and loss of all steps so far."""
        return list(_objects(self.folder / "steps.jsonl"))

    def replies(self) -> list[dict[str, Any]]:
        """Returns the replies to the held-out prompts `before` and `after` a tuning by preferences; [] if there are
        none yet."""
        return list(_objects(self.folder / "replies.jsonl"))

    def add_step(self, **values: Any) -> None:
        """Appends a step."""
        with open(self.folder / "steps.jsonl", "a", opener=files.private) as file:
            file.write(json.dumps(values) + "\n")

    def forget_steps(self, after: int) -> None:
        """Removes the steps after that number, which are carried out again."""
        rest = [step for step in self.steps() if step["step"] <= after]
        data = "".join(json.dumps(step) + "\n" for step in rest)
        files.write(self.folder / "steps.jsonl", data.encode())

    def wanted(self) -> str:
        """Returns "pause" or "cancel" if another process asked for it, else ""."""
        with suppress(OSError):
            return (self.folder / "wanted").read_text("ascii")
        return ""

    def ask(self, wanted: Literal["pause", "cancel", ""]) -> None:
        """Asks the process to pause or cancel the tuning after the present step; "" takes that back."""
        path = self.folder / "wanted"
        with paths.writing(path):
            if wanted:
                files.write(path, wanted.encode())
            else:
                path.unlink(missing_ok=True)

    def lock(self) -> FileLock:
        """Returns a new lock object for `alive.lock`."""
        return FileLock(self.folder / "alive.lock", thread_local=False)

    def alive(self) -> bool:
        """Whether the tuning's process lives."""
        return is_held(self.lock())

    def _read(self, name: str) -> dict[str, Any]:
        try:
            values = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            values = None
        if not isinstance(values, dict):
            raise TuningError(f"There is no tuning {self.name!r}.", hint="`promptgrid tune list` lists them.")
        return values

    def _write(self, name: str, values: Mapping[str, Any]) -> None:
        path = self.folder / name
        with paths.writing(path):
            files.write(path, json.dumps(values).encode())


def jobs_folder() -> Path:
    """The folder with a folder per tuning; created if missing. Raises StoreError."""
    place = paths.data_folder() / "tunings"
    with paths.writing(place):
        place.mkdir(exist_ok=True, mode=0o700)
    return place


def turn_lock() -> FileLock:
    """Returns a new lock object for the one process that tunes at a time: two would need twice the memory."""
    return FileLock(jobs_folder() / "turn.lock", thread_local=False)


def is_held(lock: FileLock) -> bool:
    """Whether a process holds the lock. Nothing is created."""
    if not os.path.exists(lock.lock_file):
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the objects of a file of JSON lines; a last line that is being written is left out."""
    with suppress(FileNotFoundError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):
                yield json.loads(line)
