"""Changes endpoints.toml: adds, changes and removes endpoints. Comments, order and all else in the file are kept.

The file names the environment variable of a key. A key itself is neither taken nor written here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptgrid import files
from promptgrid.endpoint.settings import FILE, EndpointTable
from promptgrid.errors import PromptgridError
from promptgrid.paths import config_folder, environment

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_LOCK_S = 5.0
# A pasted key that has capitals and digits only could pass for the name of a variable.
_LIKE_A_KEY = re.compile(r"(?=.*\d)[^_]{20,}")


@dataclass(frozen=True, slots=True)
class EndpointsChange:
    """A change of endpoints.toml, which `revert` undoes: its content `before` (None: there was no file) and `after`."""

    before: bytes | None
    after: bytes


def tables() -> dict[str, Mapping[str, Any]]:
    """Returns the tables of endpoints.toml as written, by the name of the endpoint; {} if the file is missing. Raises
    PromptgridError if it cannot be read."""
    written = _parsed(_content()).unwrap()
    return {name: table for name, table in written.items() if isinstance(table, dict)}


def put_endpoint(
    name: str, base_url: str, key_env: str = "", models: Sequence[str] = (), *, is_new: bool = False
) -> EndpointsChange:
    """Adds an endpoint, or changes its address, the name of its key's variable ("": it needs no key) and the models
    that it offers if it lists none. Its other settings stay.

    Raises PromptgridError for a value that is not valid, with `is_new` for a name that is taken, and if the file cannot
    be read or written.
    """
    name, key_env = name.strip(), key_env.strip()
    if _LIKE_A_KEY.fullmatch(key_env):
        hint = "Write the name of the variable that holds it, such as MY_API_KEY."
        raise PromptgridError("This looks like a key, not like the name of a variable.", hint=hint)
    values = {"base_url": base_url.strip(), "key_env": key_env, "models": [m.strip() for m in models if m.strip()]}

    def put(document: TOMLDocument) -> None:
        import tomlkit

        if is_new and name in document:
            raise PromptgridError(f"There is an endpoint {name!r} already.", hint="Change it, or choose another name.")
        written = document.unwrap().get(name, {})
        given = {key: value for key, value in values.items() if value}
        kept = {key: value for key, value in written.items() if key not in values}
        EndpointTable(None, name, kept | given, environment()).settings()  # raises the error for a wrong value
        table: Any = document.setdefault(name, tomlkit.table())
        tail = _taken_tail(table)
        for key in values:
            if key in given and written.get(key) != given[key]:
                table[key] = given[key]
            elif key not in given:
                table.pop(key, None)
        _deepest(table).extend(tail)

    return _changed(put)


def remove_endpoint(name: str) -> EndpointsChange:
    """Removes an endpoint. Raises PromptgridError if the file does not have it, or cannot be read or written."""

    def remove(document: TOMLDocument) -> None:
        if name not in document:
            raise PromptgridError(f"There is no endpoint {name!r} in {_path()}.", hint="Press Check again.")
        for entry in [entry for entry in document.body if entry[0] is not None and entry[0].key == name]:
            place = document.body.index(entry)
            document.body[place : place + 1] = _taken_tail(entry[1])

    return _changed(remove)


def _taken_tail(table: Any) -> list[Any]:
    """Takes the blank lines and comments from the end of a table and returns them: a comment there belongs to the next
    table, though the parser counts it to this one."""
    body = _deepest(table)
    tail: list[Any] = []
    while body and body[-1][0] is None:
        tail.insert(0, body.pop())
    return tail


def _deepest(table: Any) -> list[Any]:
    """Returns the entries of the table, or of the last table in it ([name.headers]), as pairs of key and item."""
    from tomlkit.items import Table

    body: list[Any] = table.value.body
    return _deepest(body[-1][1]) if body and isinstance(body[-1][1], Table) else body


def revert(change: EndpointsChange) -> None:
    """Gives the file the content that it had before the change. Raises PromptgridError if the file was changed since
    then, or cannot be written."""
    with _locked():
        if _content() != change.after:
            raise PromptgridError(f"{_path()} was changed since.", hint="Correct it in an editor.")
        _write(change.before)


def _changed(change: Callable[[TOMLDocument], None]) -> EndpointsChange:
    import tomlkit

    with _locked():
        before = _content()
        document = _parsed(before)
        change(document)
        after = tomlkit.dumps(document).encode()
        _write(after)
    return EndpointsChange(before, after)


def _path() -> Path:
    return config_folder() / FILE


def _content() -> bytes | None:
    try:
        return _path().read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PromptgridError(f"{_path()} cannot be read: {error}.", hint="Correct or remove the file.") from error


def _parsed(content: bytes | None) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse((content or b"").decode())
    except (TOMLKitError, ValueError) as error:
        raise PromptgridError(f"{_path()} is not valid TOML: {error}.", hint="Correct that line.") from error


def _write(content: bytes | None) -> None:
    try:
        if content is None:
            _path().unlink(missing_ok=True)
        else:
            files.write(_path(), content, shared=True)
    except OSError as error:
        raise PromptgridError(
            f"{_path()} cannot be written: {error}.", hint="Is the disk full, or the folder read-only?"
        ) from error


@contextmanager
def _locked() -> Iterator[None]:
    """Keeps other processes from changing the file during the block."""
    from filelock import FileLock

    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_path().with_suffix(".lock"), timeout=_LOCK_S, mode=0o600):  # its Timeout is an OSError
            yield
    except OSError as error:
        raise PromptgridError(f"{_path()} cannot be changed: {error}.", hint="Try again.") from error
