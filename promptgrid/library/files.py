"""Names and files of prompts: checks names, and reads and writes files with LibraryError for every failure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from promptgrid import files
from promptgrid.errors import LibraryError, PromptError
from promptgrid.suggestions import did_you_mean

SUFFIX = ".prompty"
MAX_NAME = 100  # characters
MAX_FILE = 4_000_000  # bytes

# Characters that some system forbids in file names, or that are special on the command line (name@version, a,b).
_FORBIDDEN = re.compile(r'[/\\:*?"<>|@,\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)


def safe_name(name: str) -> str:
    """Returns the name in Unicode normal form (NFC), without `.prompty`. Raises LibraryError if a common operating
    system does not allow it as a file name, or if it is too long."""
    name = unicodedata.normalize("NFC", name).removesuffix(SUFFIX)
    wrong = _FORBIDDEN.search(name)
    if wrong:
        raise LibraryError(f"The name {name[:60]!r} contains {wrong[0]!r}.", hint="Use letters, digits, - and _.")
    if not name or name != name.strip() or name[0] in ".-" or name[-1] == "." or _DEVICES.fullmatch(name):
        raise LibraryError(
            f"{name[:60]!r} is not a valid file name on every system.", hint="Begin and end with a letter."
        )
    try:
        long = len(name) > MAX_NAME or len(name.encode()) > 2 * MAX_NAME
    except UnicodeEncodeError as error:
        raise LibraryError(f"The name {name[:60]!r} contains half a character.", hint="Type it again.") from error
    if long:
        raise LibraryError(f"The name {name[:30]!r}… is too long.", hint=f"Use at most {MAX_NAME} letters.")
    return name


def failed(verb: str, path: Path, error: OSError) -> LibraryError:
    """Returns a LibraryError which says that the program cannot `verb` (write, delete …) the file, with the system's
    reason."""
    return LibraryError(
        f"Cannot {verb} {path}: {error.strerror or error}.",
        hint="Set PROMPTGRID_PROMPTS to a folder that you can write to.",
    )


def read(path: Path) -> bytes:
    """Returns the bytes of a prompt file. Raises LibraryError if the file is missing, too large or unreadable."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise LibraryError(f"{path} has more than {MAX_FILE:,} bytes.", hint="Is it a prompt?")
        return path.read_bytes()
    except FileNotFoundError as error:
        hint = did_you_mean(path.name, _names_beside(path), "Check the path.")
        raise LibraryError(f"There is no file {path}.", hint=hint) from error
    except OSError as error:
        raise LibraryError(f"Cannot read {path}: {error.strerror or error}.") from error


def _names_beside(path: Path) -> Iterable[str]:
    return [other.name for other in path.parent.glob(f"*{SUFFIX}")] if path.parent.is_dir() else []


_BESIDE = (".json", ".yaml", ".yml", ".txt", ".md")


def beside(path: Path) -> Callable[[str], str]:
    """Returns a function for the prompt file at `path`: it takes the name in a `${file:…}` of the prompt and returns
    that file's text.

    Only files in the prompt's folder or below are read, no links and no hidden files. The function raises PromptError,
    which says what is wrong with the name.
    """

    def read_beside(target: str) -> str:
        parts = target.replace("\\", "/").split("/")
        is_plain = all(part and part[0] not in ".~" and ":" not in part for part in parts)
        places = [path.parent.joinpath(*parts[: number + 1]) for number in range(len(parts))]
        if not is_plain or any(place.is_symlink() for place in places):
            raise PromptError("It may only name a file in the prompt's folder: no .., no link, no hidden file.")
        if places[-1].suffix.lower() not in _BESIDE:
            raise PromptError(f"A file beside a prompt ends with {', '.join(_BESIDE)}.")
        try:
            return text_of(read(places[-1]), places[-1])
        except LibraryError as error:
            raise PromptError(str(error)) from error

    return read_beside


def refuse_other(path: Path) -> None:
    """Raises LibraryError, with a hint, for a file whose name does not end with .prompty."""
    if path.suffix.lower() == SUFFIX:
        return
    if path.suffix.lower() == ".prompt":
        what = "is a Dotprompt file, which is another format"
        hint = f"Write its text under `user:` in a {SUFFIX} file, with {{{{ name }}}} for each variable."
    else:
        what, hint = f"is not a {SUFFIX} file", f"Rename it to {path.stem}{SUFFIX} if it holds a prompt in that form."
    raise LibraryError(f"{path.name} {what}.", hint=hint)


def text_of(data: bytes, path: Path) -> str:
    """Returns the content `data` of the file as UTF-8 text. Raises LibraryError, which names the first line that is not
    UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LibraryError(
            f"{path.name}, line {line}, is not UTF-8.", hint="Save it as UTF-8 in your editor."
        ) from error


def write(path: Path, data: bytes) -> None:
    """Writes the file atomically and creates its folder. Raises LibraryError if the system does not allow it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, data, shared=True)
    except OSError as error:
        raise failed("write", path, error) from error
