"""The trash of a library: deleted prompts, each in a folder of its own in the data folder, with the folder of its
marked versions."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from promptgrid import paths
from promptgrid.errors import LibraryError
from promptgrid.library.files import SUFFIX, failed

_TOKEN = re.compile(r"\d{8}T\d{6}\d{6}-[a-z0-9_]{8}")
_TIME = "%Y%m%dT%H%M%S%f"
_VERSIONS = "versions"


class Trashed(NamedTuple):
    """A deleted prompt; `token` restores it. `deleted` is in Unix seconds."""

    token: str
    name: str
    deleted: float


def trash_folder(library: Path) -> Path:
    """Returns the folder with the trash of the library in the folder `library`, and creates it. Raises LibraryError if
    the system does not allow it."""
    folder = paths.data_folder() / "trash" / hashlib.sha256(str(library).encode()).hexdigest()[:12]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failed("create", folder, error) from error
    return folder


def move_to_trash(library: Path, prompt: Path, versions: Path) -> str:
    """Moves the file `prompt` and, if it exists, the folder `versions` to the trash; returns the token of both. Raises
    LibraryError if the system does not allow it."""
    try:
        trashed = Path(tempfile.mkdtemp(dir=trash_folder(library), prefix=f"{datetime.now(UTC).strftime(_TIME)}-"))
        shutil.copy2(prompt, trashed / prompt.name)
        if versions.is_dir():
            shutil.copytree(versions, trashed / _VERSIONS)
        prompt.unlink()
        shutil.rmtree(versions, ignore_errors=True)
    except OSError as error:
        raise failed("delete", prompt, error) from error
    return trashed.name


def trashed_files(library: Path, token: str) -> tuple[Path, Path]:
    """Returns (the file of the deleted prompt with this token, the folder of its marked versions, which may be
    missing). Raises LibraryError if the trash has no such prompt."""
    if not _TOKEN.fullmatch(token):
        raise LibraryError(f"{token!r} is not the token of a deleted prompt.")
    folder = trash_folder(library) / token
    prompt = next(folder.glob(f"*{SUFFIX}"), None)
    if prompt is None:
        raise LibraryError(f"Nothing is in the trash under {token}.", hint="It may have been restored already.")
    return prompt, folder / _VERSIONS


def trashed(library: Path) -> list[Trashed]:
    """Returns the deleted prompts of the library, the latest first."""
    files = sorted(trash_folder(library).glob(f"*/*{SUFFIX}"), key=lambda path: path.parent.name, reverse=True)
    return [Trashed(path.parent.name, path.stem, _deleted(path.parent.name)) for path in files]


def _deleted(token: str) -> float:
    return datetime.strptime(token.split("-")[0], _TIME).replace(tzinfo=UTC).timestamp()
