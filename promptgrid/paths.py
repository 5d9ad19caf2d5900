"""The folders of promptgrid, and its environment variables. PROMPTGRID_HOME moves the folders."""

from __future__ import annotations

import codecs
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from io import StringIO
from pathlib import Path

from promptgrid.errors import StoreError, TextError

LOW_DISK_BYTES = 500_000_000  # with less free space the dashboard warns and `doctor` reports a problem


def environment() -> Mapping[str, str]:
    """Returns the environment variables of the process, and those of `.env` that the process does not set (see
    `dotenv`). API keys are read from here and never written back. Raises TextError for a `.env` that cannot be read."""
    return {**dotenv(), **os.environ}


def dotenv() -> Mapping[str, str]:
    """Returns the variables of the file `.env` in the working folder, except those whose names begin with PROMPTGRID_.
    Raises TextError if the file cannot be read.

    The folder may come from a stranger, but PROMPTGRID_NOTIFY starts a command, and PROMPTGRID_HOME has the addresses
    that keys go to. So only the process itself can set the variables of Promptgrid.
    """
    path = Path.cwd() / ".env"
    try:
        variables = _parsed(_decoded(path.read_bytes()))
    except (FileNotFoundError, IsADirectoryError):
        return {}
    except OSError as error:
        hint = "Make it readable, or start from another folder."
        raise TextError(f"{path} cannot be read: {error.strerror}.", hint=hint) from error
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is neither UTF-8 nor UTF-16.", hint="Save it as UTF-8.") from error
    return {name: value for name, value in variables.items() if not name.upper().startswith("PROMPTGRID_")}


def _decoded(data: bytes) -> str:
    """Decodes UTF-8, or UTF-16 as PowerShell's `>` writes it, with or without a byte order mark."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    if b"\0" in data[:2]:
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le")
    return data.decode("utf-8-sig")


@lru_cache(maxsize=1)
def _parsed(text: str) -> dict[str, str]:
    """Returns the variables of a `.env` file. `${NAME}` in a value stands for the value of NAME in a line above it.

    `${NAME}` never stands for a variable of the process: a `.env` could otherwise put the process's keys into
    addresses. Cached, because parsing is slow and `environment` is called often.
    """
    from dotenv import dotenv_values
    from dotenv.variables import parse_variables

    variables: dict[str, str] = {}
    for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items():
        if value is not None:
            variables[name] = "".join(atom.resolve(variables) for atom in parse_variables(value))
    return variables


def data_folder() -> Path:
    """The folder of database, logs, locks and exports; created if missing, readable only by its owner. Raises
    StoreError if it cannot be created."""
    return _created(_folder("data"))


def cache_folder() -> Path:
    """The folder of files that can be downloaded again (model weights, vocabularies); created if missing. Raises
    StoreError if it cannot be created."""
    return _created(_folder("cache"))


def config_folder() -> Path:
    """The folder of endpoints.toml and models.toml, which may not exist."""
    return _folder("config")


def _folder(kind: str) -> Path:
    home = os.environ.get("PROMPTGRID_HOME")
    if home:
        return Path(home).expanduser().absolute() / kind
    import platformdirs

    by_kind = {
        "data": platformdirs.user_data_path,
        "cache": platformdirs.user_cache_path,
        "config": platformdirs.user_config_path,
    }
    return by_kind[kind]("promptgrid", appauthor=False)


def _created(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if others_may_enter(folder):  # made by another program, or by an administrator
            with suppress(PermissionError):  # a file system without modes; `doctor` reports it
                folder.chmod(0o700)
    except OSError as error:
        raise StoreError(
            f"Cannot create the folder {folder}: {error.strerror}.",
            hint="Set PROMPTGRID_HOME to a folder that you can write to.",
        ) from error
    return folder


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError of the block, which writes the file or folder `path`, into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Free some space, or set PROMPTGRID_HOME to a folder that you can write to.",
        ) from error


def others_may_enter(folder: Path) -> bool:
    """Returns whether other users of the machine have rights to the folder; False where files have no modes."""
    return os.name == "posix" and bool(folder.stat().st_mode & 0o077)


def free_bytes(folder: Path) -> int:
    """The free space on the folder's disk, in bytes."""
    return shutil.disk_usage(folder).free


@cache
def shipped_folder() -> Path:
    """The folder with workbench.py, pages/ and prompts/: the checkout if there is one, else the wheel's copy.

    A checkout takes precedence, because an editable install leaves a stale copy behind. Raises StoreError if neither
    exists.
    """
    package = Path(__file__).resolve().parent
    for folder in (package.parent, package / "shipped"):
        if (folder / "workbench.py").is_file() and (folder / "pages").is_dir():
            return folder
    raise StoreError(f"The files of the dashboard are missing beside {package}.", hint="Install promptgrid again.")


def install_command(extra: str) -> str:
    """Returns the command that installs the extra into the Python that runs promptgrid: from the checkout if it runs
    from one, else from the package index."""
    checkout = Path(__file__).resolve().parents[1]
    target = f"{checkout}[{extra}]" if (checkout / "pyproject.toml").is_file() else f"promptgrid[{extra}]"
    editable = ["-e"] if target != f"promptgrid[{extra}]" else []
    return shlex.join([sys.executable, "-m", "pip", "install", *editable, target])
