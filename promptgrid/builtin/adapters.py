"""The adapters of the built-in model: what a tuning has learned, as low-rank changes (LoRA) of the base's weights.

    <data folder>/adapters/NAME/adapter.gguf    the changes, as llama.cpp reads them
    <data folder>/adapters/NAME/manifest.json   the fields of Adapter
    <data folder>/adapters/.bin/TIME.NAME/      the same two of a deleted adapter

A folder NAME appears and disappears whole: it is moved, never written in place.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from promptgrid import files, paths
from promptgrid.builtin import weights
from promptgrid.errors import TuningError
from promptgrid.suggestions import did_you_mean

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")
_TIME = "%Y%m%dT%H%M%S%f"
_GGUF, _MANIFEST, _BIN = "adapter.gguf", "manifest.json", ".bin"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A tuned model, as its manifest describes it: the adapter called `name` belongs on the weights with `base_sha256`
    and was tuned on data with `data_sha256`; `adapter_sha256` is that of its own GGUF file (each 64 hex digits).

    `settings` are those of the tuning, `curve` has one object per epoch, `made` is the time in ISO 8601, UTC.
    """

    name: str
    base_sha256: str
    data_sha256: str
    adapter_sha256: str
    settings: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]]
    made: str

    @property
    def path(self) -> Path:
        """The path of the GGUF file, of an adapter that is not deleted."""
        return folder() / self.name / _GGUF


def folder() -> Path:
    """The folder with a folder per adapter; created if missing. Raises StoreError."""
    place = paths.data_folder() / "adapters"
    with paths.writing(place):
        place.mkdir(exist_ok=True, mode=0o700)
    return place


def adapters() -> list[Adapter]:
    """Returns all adapters, by name. A folder without a readable manifest and GGUF file is none."""
    found = (_read(place) for place in sorted(folder().iterdir()) if place.name != _BIN)
    return [adapter for adapter in found if adapter is not None]


def find(name: str) -> Adapter:
    """Returns the adapter of that name. Raises TuningError if there is none."""
    adapter = _read(folder() / name) if _NAME.fullmatch(name) else None
    if adapter is None:
        if name in deleted():
            hint = f"Bring it back with `promptgrid tune undelete {name}`."
            raise TuningError(f"The tuned model {name!r} was deleted.", hint=hint)
        names = [one.name for one in adapters()]
        raise TuningError(f"There is no tuned model {name!r}.", hint=did_you_mean(name, names))
    return adapter


def check_name(name: str) -> None:
    """Raises TuningError if no adapter can have this name, or if one has it already."""
    if not _NAME.fullmatch(name):
        hint = "It has 1 to 40 of the characters a–z, 0–9, dot, hyphen, underscore; a letter or digit at both ends."
        raise TuningError(f"{name!r} cannot be the name of a tuned model.", hint=hint)
    if (folder() / name).exists():
        raise TuningError(f"There is a tuned model {name!r} already.", hint="Choose another name, or delete that one.")


def save(
    name: str,
    gguf: Path,
    *,
    base_sha256: str,
    data_sha256: str,
    settings: Mapping[str, Any],
    curve: Sequence[Mapping[str, Any]],
) -> Adapter:
    """Copies the file `gguf` to a new adapter of that name and returns it; the other arguments are those of Adapter.
    Raises TuningError if the name is taken or impossible, StoreError if the folder cannot be written."""
    check_name(name)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    adapter = Adapter(name, base_sha256, data_sha256, weights.sha256(gguf), settings, curve, made)
    manifest = {field.name: getattr(adapter, field.name) for field in fields(adapter)}
    target = folder() / name
    with paths.writing(target), tempfile.TemporaryDirectory(prefix=".new-", dir=folder()) as temporary:
        new = Path(temporary) / name
        new.mkdir(mode=0o700)
        files.write(new / _GGUF, gguf.read_bytes())
        files.write(new / _MANIFEST, json.dumps(manifest, indent=1).encode())
        os.rename(new, target)
    return adapter


def delete(name: str) -> None:
    """Moves the adapter to the bin, from where `undelete` brings it back. Raises TuningError if there is none of that
    name."""
    find(name)
    place = folder() / _BIN
    with paths.writing(place):
        place.mkdir(exist_ok=True, mode=0o700)
        os.rename(folder() / name, place / f"{datetime.now(UTC).strftime(_TIME)}.{name}")


def deleted() -> list[str]:
    """Returns the names of the adapters in the bin, the last deleted first; each name once."""
    return list(dict.fromkeys(place.name.partition(".")[2] for place in _binned()))


def undelete(name: str) -> Adapter:
    """Brings the adapter of that name back that was deleted last, and returns it. Raises TuningError if the bin has
    none, or if the name is in use again."""
    place = next((place for place in _binned() if place.name.partition(".")[2] == name), None)
    if place is None:
        raise TuningError(f"No tuned model {name!r} was deleted.", hint=did_you_mean(name, deleted()))
    check_name(name)
    with paths.writing(folder()):
        os.rename(place, folder() / name)
    return find(name)


def empty_bin() -> int:
    """Removes all deleted adapters for good and returns their number."""
    places = _binned()
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
    return len(places)


def _binned() -> list[Path]:
    place = folder() / _BIN
    return sorted(place.iterdir(), reverse=True) if place.is_dir() else []


def _read(place: Path) -> Adapter | None:
    try:
        manifest = json.loads((place / _MANIFEST).read_bytes())
        adapter = Adapter(**{field.name: manifest[field.name] for field in fields(Adapter)})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return adapter if adapter.name == place.name and (place / _GGUF).is_file() else None
