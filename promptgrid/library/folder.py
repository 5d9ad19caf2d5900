"""Lists, loads, saves, deletes and restores .prompty files in a folder. Prompts are written only inside the folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from promptgrid import files, paths
from promptgrid.errors import LibraryError, PromptError, StaleSave
from promptgrid.library.files import MAX_NAME, SUFFIX, beside, failed, read, refuse_other, safe_name, text_of, write
from promptgrid.library.own_cases import tables
from promptgrid.library.trash import Trashed, move_to_trash, trash_folder, trashed, trashed_files
from promptgrid.prompt import Prompt, dumps, loads
from promptgrid.suggestions import did_you_mean

VERSIONS = "versions"
"""The folder in the library that has a folder for each prompt with marked versions."""


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """One file of the library; a broken file has an `error` and no `prompt`. `modified` is in Unix seconds."""

    name: str
    path: Path
    prompt: Prompt | None
    error: str
    modified: float


def library_folder() -> Path:
    """Returns the folder of prompts: the one in the variable PROMPTGRID_PROMPTS, else ./prompts if it has a prompt,
    else the user's folder, which is created with the shipped prompts."""
    named = os.environ.get("PROMPTGRID_PROMPTS")
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
        files.remove_stale(folder.parent, ".prompts-*")
        filled = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".prompts-"))
        shutil.copytree(paths.shipped_folder() / "prompts", filled, dirs_exist_ok=True)
        os.replace(filled, folder)  # atomic: another process sees the whole folder or none
    except OSError as error:
        if folder.exists():
            return folder
        raise failed("fill the folder", folder, error) from error
    return folder


def load_prompt(ref: str, library: Library) -> Prompt:
    """Loads the prompt that `ref` names: the path of a .prompty file, or the name of a prompt in the library. Raises
    LibraryError or PromptError."""
    path = Path(ref).expanduser()
    if path.suffix.lower() == SUFFIX or os.sep in ref or path.is_file():
        refuse_other(path)
        return _read_prompt(path, read(path))
    return library.load(ref)[0]


class Library:
    """The prompts in one folder. A prompt's name is its file's name. Several processes may use the folder at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._cache: dict[Path, tuple[tuple[int, int], LibraryEntry]] = {}

    def entries(self) -> list[LibraryEntry]:
        """Returns an entry for each prompt file, in alphabetical order, broken files too. Only files that changed since
        the last call are read again."""
        entries = {path: self._entry(path) for path in sorted(self.folder.glob(f"*{SUFFIX}"), key=_alphabetic)}
        self._cache = {path: cached for path, cached in self._cache.items() if path in entries}
        return [entry for entry in entries.values() if entry is not None]

    def path(self, name: str) -> Path:
        """Returns the path of the prompt with that name, existing or not. Raises LibraryError for an unsafe name."""
        return self.folder / f"{safe_name(name)}{SUFFIX}"

    def load(self, name: str) -> tuple[Prompt, str]:
        """Returns the prompt with that name, and its etag: a digest of the file, which `save` compares. Raises
        LibraryError or PromptError."""
        path = self._existing(name)
        data = read(path)
        return _read_prompt(path, data), _etag(data)

    def save(self, prompt: Prompt, etag: str | None) -> str:
        """Writes the prompt under its name and returns the new etag.

        `etag` is the etag of the loaded version; None means that the name must be new. Raises StaleSave if the file has
        changed since it was loaded, LibraryError if it cannot be written, PromptError if a file cannot express the
        prompt.
        """
        path = self.path(prompt.name)
        prompt = replace(prompt, name=path.stem)
        with self.locked():
            previous = read(path) if path.exists() else None
            _check_etag(path, previous, etag)
            data = dumps(prompt, text_of(previous, path) if previous is not None else "", beside(path)).encode()
            write(path, data)
        return _etag(data)

    def etag(self, name: str) -> str | None:
        """Returns the digest of the file's present content, which `save` compares; None if the file does not exist."""
        path = self.path(name)
        return _etag(read(path)) if path.is_file() else None

    def add(self, name: str, data: bytes) -> str:
        """Adds a prompt file with the content `data` and returns its name. If a prompt of that name exists, the new one
        gets a number (`name-2`).

        Raises LibraryError for an unsafe name or bytes that are not UTF-8, PromptError for a broken prompt.
        """
        path = self.path(name)
        loads(text_of(data, path), path.stem)
        with self.locked():
            free = self._free(path.stem)
            write(self.path(free), data)
        return free

    def replace(self, name: str, data: bytes, etag: str) -> str:
        """Writes `data` as the whole file of the prompt with that name, in place of the content with this etag, and
        returns the new etag. Raises StaleSave if the file has another content by now, LibraryError if it cannot be
        written."""
        path = self.path(name)
        with self.locked():
            _check_etag(path, read(path) if path.exists() else None, etag)
            write(path, data)
        return _etag(data)

    def versions_folder(self, name: str) -> Path:
        """Returns the folder of the prompt's marked versions (see `library.versions`), existing or not. Raises
        LibraryError for an unsafe name."""
        return self.folder / VERSIONS / safe_name(name)

    def delete(self, name: str) -> str:
        """Moves the prompt, with its marked versions, to the trash and returns the token that restores it. Raises
        LibraryError if it is missing."""
        with self.locked():
            path = self._existing(name)
            return move_to_trash(self.folder, path, self.versions_folder(path.stem))

    def restore(self, token: str) -> str:
        """Restores the deleted prompt of this token and returns its name. If another prompt has the name now, the
        restored one gets a number (`name-2`). Raises LibraryError if the trash has no such prompt."""
        prompt, versions = trashed_files(self.folder, token)
        with self.locked():
            name = self._free(prompt.stem)
            self._put(self.path(name), read(prompt), prompt)
            _move_versions(versions, self.versions_folder(name))
            shutil.rmtree(prompt.parent, ignore_errors=True)
        return name

    def trashed(self) -> list[Trashed]:
        """Returns the deleted prompts of this folder, the latest first."""
        return trashed(self.folder)

    def duplicate(self, name: str) -> str:
        """Copies the prompt and returns the name of the copy: `name-copy`, with a number if that is taken. Raises
        LibraryError if the prompt is missing."""
        with self.locked():
            source = self._existing(name)
            copy = self._free(f"{source.stem[: MAX_NAME - 10]}-copy")
            self._put(self.path(copy), read(source), source)
        return copy

    def rename(self, old: str, new: str) -> None:
        """Renames the prompt, its file and the folder of its marked versions. Raises LibraryError if it is missing or
        another one has the name `new`."""
        with self.locked():
            source, target = self._existing(old), self.path(new)
            if target.exists() and not target.samefile(source):
                raise _taken(target)
            try:
                os.replace(source, target)
            except OSError as error:
                raise failed("rename", source, error) from error
            self._put(target, read(target), source)
            _move_versions(self.versions_folder(source.stem), self.versions_folder(target.stem))

    def cases(self) -> list[Path]:
        """Returns the paths of the library's tables of cases, in its folder cases/."""
        return sorted(tables(self.folder), key=_alphabetic)

    def _entry(self, path: Path) -> LibraryEntry | None:
        try:
            state = path.stat()
        except OSError:
            return None  # deleted since the folder was read, or a link to nowhere
        stamp = (state.st_mtime_ns, state.st_size)
        cached = self._cache.get(path)
        if cached is None or cached[0] != stamp:
            cached = (stamp, _load_entry(path, state.st_mtime))
            self._cache[path] = cached
        return cached[1]

    def _existing(self, name: str) -> Path:
        path = self.path(name)
        if not path.is_file():
            names = sorted(other.stem for other in self.folder.glob(f"*{SUFFIX}"))
            hint = did_you_mean(name, names) or "The folder holds no prompt yet."
            raise LibraryError(f"There is no prompt {name!r} in {self.folder}.", hint=hint)
        return path

    def _free(self, name: str) -> str:
        candidates = [name, *(f"{name[: MAX_NAME - 5]}-{number}" for number in range(2, 10_000))]
        return next(candidate for candidate in candidates if not self.path(candidate).exists())

    def _put(self, path: Path, data: bytes, source: Path) -> None:
        """Writes the content `data` of the prompt file `source` to `path`. A `name:` equal to the old file's name
        becomes the new file's name; any other `name:` is a title and stays. A broken prompt is written unchanged."""
        try:
            text = text_of(data, source)
            data = dumps(replace(loads(text, source.stem), name=path.stem), text).encode()
        except (LibraryError, PromptError):
            pass  # a broken file keeps its bytes, for the user to correct
        write(path, data)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds a file lock, so that no other process changes the folder while the block checks and writes."""
        from filelock import FileLock, Timeout

        lock = trash_folder(self.folder) / "library.lock"
        try:
            with FileLock(lock, timeout=10):
                yield
        except Timeout as error:
            raise LibraryError("Another process has been saving for 10 seconds.", hint="Try again.") from error
        except OSError as error:
            raise failed("lock", lock, error) from error


def _read_prompt(path: Path, data: bytes) -> Prompt:
    return loads(text_of(data, path), path.stem, beside(path))


def _load_entry(path: Path, modified: float) -> LibraryEntry:
    try:
        prompt = _read_prompt(path, read(path))
    except (LibraryError, PromptError) as error:
        return LibraryEntry(path.stem, path, None, str(error), modified)
    return LibraryEntry(path.stem, path, prompt, "", modified)


def _check_etag(path: Path, previous: bytes | None, etag: str | None) -> None:
    if etag is None and previous is not None:
        raise _taken(path)
    if etag is not None and (previous is None or _etag(previous) != etag):
        what = "was deleted" if previous is None else "was changed"
        raise StaleSave(
            f"The prompt {path.stem!r} {what} since you opened it.",
            hint="Save under another name, or open it again and repeat your change.",
        )


def _move_versions(source: Path, target: Path) -> None:
    """Moves a folder of marked versions. If a prompt that was removed by hand has left such a folder at `target`, its
    versions stay; the labels and notes are those of `source`."""
    if not source.is_dir():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.samefile(source):
            shutil.copytree(source, target, dirs_exist_ok=True)
            shutil.rmtree(source)
        else:
            shutil.move(source, target)
    except OSError as error:
        raise failed("move", source, error) from error


def _taken(path: Path) -> LibraryError:
    return LibraryError(f"There is a prompt {path.stem!r} already.", hint="Choose another name.")


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _alphabetic(path: Path) -> tuple[str, str]:
    return path.stem.casefold(), path.stem
