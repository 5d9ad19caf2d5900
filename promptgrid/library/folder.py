"""A folder of .prompty files: list, load, save, delete with a way back. Nothing is written outside the folder."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from promptgrid import paths
from promptgrid.errors import LibraryError, PromptError, StaleSave
from promptgrid.library.files import MAX_NAME, SUFFIX, failed, read, safe_name, text_of, write
from promptgrid.prompt import Prompt, dumps, loads
from promptgrid.suggestions import did_you_mean

_TOKEN = re.compile(r"\d{8}T\d{6}\d{6}-[a-z0-9_]{8}")


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """One file of the library; `prompt` is None and `error` says why where it is broken. `modified`: Unix seconds."""

    name: str
    path: Path
    prompt: Prompt | None
    error: str
    modified: float


class Trashed(NamedTuple):
    """A deleted prompt: its token brings it back. `deleted`: Unix seconds."""

    token: str
    name: str
    deleted: float


def library_folder() -> Path:
    """PROMPTGRID_PROMPTS, else ./prompts where it holds a prompt, else the user's own, filled with ours at first."""
    named = paths.environment().get("PROMPTGRID_PROMPTS")
    if named:
        return Path(named).expanduser().absolute()
    here = Path.cwd() / "prompts"
    if any(here.glob(f"*{SUFFIX}")):
        return here
    return _own_folder()


def _own_folder() -> Path:
    folder = paths.data_folder() / "prompts"
    if folder.exists():
        return folder
    try:
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".prompts-"))
        shutil.copytree(paths.shipped_folder() / "prompts", made, dirs_exist_ok=True)
        os.replace(made, folder)  # all at once: another process sees the whole folder or none
    except OSError as error:
        if folder.exists():
            return folder
        raise failed("fill the folder", folder, error) from error
    return folder


def load_prompt(ref: str, library: Library) -> Prompt:
    """The prompt that a person names: a file's path, or a name in the library. Raises LibraryError or PromptError."""
    path = Path(ref).expanduser()
    if path.suffix == SUFFIX or os.sep in ref:
        return loads(text_of(read(path), path), path.stem)
    return library.load(ref)[0]


class Library:
    """The prompts in one folder. A prompt's name is its file's name. Safe to use from several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._seen: dict[Path, tuple[tuple[int, int], LibraryEntry]] = {}

    def entries(self) -> list[LibraryEntry]:
        """All files by name, the broken ones too. Only what changed since the last call is read again."""
        found = {path: self._entry(path) for path in sorted(self.folder.glob(f"*{SUFFIX}"), key=_alphabetic)}
        self._seen = {path: seen for path, seen in self._seen.items() if path in found}
        return [entry for entry in found.values() if entry is not None]

    def path(self, name: str) -> Path:
        """Where the prompt of that name is kept, whether it exists or not. Raises LibraryError for an unsafe name."""
        return self.folder / f"{safe_name(name)}{SUFFIX}"

    def load(self, name: str) -> tuple[Prompt, str]:
        """The prompt, and the etag that `save` takes. Raises LibraryError ("did you mean") or PromptError."""
        path = self._existing(name)
        data = read(path)
        return replace(loads(text_of(data, path), path.stem), name=path.stem), _etag(data)

    def save(self, prompt: Prompt, etag: str | None) -> str:
        """Writes the prompt under its name and returns the new etag.

        `etag` is that of the version which was loaded; None: there must be none of that name. Raises StaleSave when
        the file changed since, LibraryError when it cannot be written, PromptError when it cannot be said in a file.
        """
        path = self.path(prompt.name)
        prompt = replace(prompt, name=path.stem)
        with self._locked():
            previous = read(path) if path.exists() else None
            _check_etag(path, previous, etag)
            data = dumps(prompt, text_of(previous, path) if previous is not None else "").encode()
            write(path, data)
        return _etag(data)

    def etag(self, name: str) -> str | None:
        """The etag of the file as it is now; None where there is none of that name."""
        path = self.path(name)
        return _etag(read(path)) if path.is_file() else None

    def add(self, name: str, data: bytes) -> str:
        """Takes in a prompt file from elsewhere and returns its name here: a new one where the old is taken.

        Raises LibraryError for an unsafe name or for what is no UTF-8, PromptError for what is no prompt.
        """
        path = self.path(name)
        loads(text_of(data, path), path.stem)
        with self._locked():
            free = self._free(path.stem)
            self._put(self.path(free), data, path)
        return free

    def delete(self, name: str) -> str:
        """Moves the prompt to the trash and returns the token that brings it back."""
        with self._locked():
            path = self._existing(name)
            now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
            try:
                kept = Path(tempfile.mkdtemp(dir=self._trash(), prefix=f"{now}-"))
                shutil.copy2(path, kept / path.name)
                path.unlink()
            except OSError as error:
                raise failed("delete", path, error) from error
        return kept.name

    def restore(self, token: str) -> str:
        """Brings a deleted prompt back and returns its name: a new one where the old is taken."""
        if not _TOKEN.fullmatch(token):
            raise LibraryError(f"{token!r} is not the token of a deleted prompt.")
        kept = next((self._trash() / token).glob(f"*{SUFFIX}"), None)
        if kept is None:
            raise LibraryError(f"Nothing is in the trash under {token}.", hint="It may have been restored already.")
        with self._locked():
            name = self._free(kept.stem)
            self._put(self.path(name), read(kept), kept)
            shutil.rmtree(kept.parent, ignore_errors=True)
        return name

    def trashed(self) -> list[Trashed]:
        """The deleted prompts of this folder, the last one first."""
        kept = sorted(self._trash().glob(f"*/*{SUFFIX}"), key=lambda path: path.parent.name, reverse=True)
        return [Trashed(path.parent.name, path.stem, _deleted(path.parent.name)) for path in kept]

    def duplicate(self, name: str) -> str:
        """Copies the prompt beside it and returns the copy's name."""
        with self._locked():
            source = self._existing(name)
            copy = self._free(f"{source.stem[: MAX_NAME - 10]}-copy")
            self._put(self.path(copy), read(source), source)
        return copy

    def rename(self, old: str, new: str) -> None:
        """Gives the prompt another name. Raises LibraryError where that name is taken."""
        with self._locked():
            source, target = self._existing(old), self.path(new)
            if target.exists() and not target.samefile(source):
                raise _taken(target)
            try:
                os.replace(source, target)
            except OSError as error:
                raise failed("rename", source, error) from error
            self._put(target, read(target), target)

    def cases(self) -> list[Path]:
        """The tables of cases that belong to the library: cases/*.csv."""
        return sorted((self.folder / "cases").glob("*.csv"), key=_alphabetic)

    def _entry(self, path: Path) -> LibraryEntry | None:
        try:
            state = path.stat()
        except OSError:
            return None  # deleted since the folder was read, or a link to nowhere
        stamp = (state.st_mtime_ns, state.st_size)
        seen = self._seen.get(path)
        if seen is None or seen[0] != stamp:
            seen = (stamp, _load_entry(path, state.st_mtime))
            self._seen[path] = seen
        return seen[1]

    def _existing(self, name: str) -> Path:
        path = self.path(name)
        if not path.is_file():
            raise LibraryError(f"There is no prompt {name!r} in {self.folder}.", hint=self._suggestion(name))
        return path

    def _suggestion(self, name: str) -> str:
        names = [path.stem for path in self.folder.glob(f"*{SUFFIX}")]
        return did_you_mean(name, sorted(names)) or "The folder holds no prompt yet."

    def _free(self, name: str) -> str:
        candidates = [name, *(f"{name[: MAX_NAME - 5]}-{number}" for number in range(2, 10_000))]
        return next(candidate for candidate in candidates if not self.path(candidate).exists())

    def _put(self, path: Path, data: bytes, source: Path) -> None:
        """Writes a file's content under another name, which a readable one then carries inside too."""
        try:
            text = text_of(data, source)
            data = dumps(replace(loads(text), name=path.stem), text).encode()
        except (LibraryError, PromptError):
            pass  # a broken file keeps its bytes: it is there to be mended
        write(path, data)

    def _trash(self) -> Path:
        mark = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        folder = paths.data_folder() / "trash" / mark
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise failed("create", folder, error) from error
        return folder

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, among all processes: no other write comes between reading the etag and writing."""
        from filelock import FileLock, Timeout

        lock = self._trash() / "library.lock"
        try:
            with FileLock(lock, timeout=10):
                yield
        except Timeout as error:
            raise LibraryError("Another process has been saving for 10 seconds.", hint="Try again.") from error


def _load_entry(path: Path, modified: float) -> LibraryEntry:
    try:
        prompt = loads(text_of(read(path), path), path.stem)
    except (LibraryError, PromptError) as error:
        return LibraryEntry(path.stem, path, None, str(error), modified)
    return LibraryEntry(path.stem, path, replace(prompt, name=path.stem), "", modified)


def _check_etag(path: Path, previous: bytes | None, etag: str | None) -> None:
    if etag is None and previous is not None:
        raise _taken(path)
    if etag is not None and (previous is None or _etag(previous) != etag):
        what = "was deleted" if previous is None else "was changed"
        raise StaleSave(
            f"The prompt {path.stem!r} {what} since you opened it.",
            hint="Save under another name, or open it again and repeat your change.",
        )


def _taken(path: Path) -> LibraryError:
    return LibraryError(f"There is a prompt {path.stem!r} already.", hint="Choose another name.")


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _deleted(token: str) -> float:
    return datetime.strptime(token.split("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC).timestamp()


def _alphabetic(path: Path) -> tuple[str, str]:
    return path.stem.casefold(), path.stem
