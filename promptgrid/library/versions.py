"""Labels and notes on the versions of a prompt. They are files in the library, so that a team shares them by git.

    versions/NAME/labels.toml       [labels] label = version, [notes] version = note; comments in it are kept
    versions/NAME/VERSION.prompty   the text of each version that has, or has had, a label or a note

A label names one version; `NAME@LABEL` is that version. See docs/decisions/12-labels-are-files.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from promptgrid.errors import LibraryError, PromptError
from promptgrid.library.files import SUFFIX, read, text_of, write
from promptgrid.library.folder import Library
from promptgrid.prompt import Prompt, dumps, loads
from promptgrid.prompt.model import EMPTY
from promptgrid.text import printable

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

MAX_LABEL = 40  # characters
MAX_NOTE = 500  # characters
_FILE, _TABLES = "labels.toml", ("labels", "notes")
_LABEL = re.compile(r"[^\W\d_][\w.-]*")
_HEX = re.compile(r"[0-9a-f]+")
_VERSION = re.compile(r"[0-9a-f]{12}")
_HEADER = "Labels and notes of versions of this prompt. NAME@LABEL names the version with that label."


@dataclass(frozen=True, slots=True)
class VersionMarks:
    """The `labels` (label -> version) and the `notes` (version -> note) of one prompt."""

    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    notes: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    def labels_of(self, version: str) -> list[str]:
        """Returns the labels of this version, in alphabetical order."""
        return sorted(label for label, labelled in self.labels.items() if labelled == version)


def safe_label(label: str) -> str:
    """Returns the label in Unicode normal form (NFC), without surrounding blanks. Raises LibraryError if it could be
    read as a version, or has other characters than letters, digits, dots, hyphens and underscores."""
    label = unicodedata.normalize("NFC", label.strip())
    if _HEX.fullmatch(label.lower()):
        raise LibraryError(f"The label {label!r} could be a version.", hint="Use a letter from g to z in it.")
    if len(label) > MAX_LABEL or not _LABEL.fullmatch(label):
        raise LibraryError(
            f"{label[: MAX_LABEL + 1]!r} cannot be a label.",
            hint=f"Begin with a letter; use letters, digits, . - and _, {MAX_LABEL} at most. Such as: production.",
        )
    return label


def marks(library: Library, name: str) -> VersionMarks:
    """Returns the labels and notes of the prompt's versions. Raises LibraryError if labels.toml cannot be read."""
    path = library.versions_folder(name) / _FILE
    document = _document(path)
    return VersionMarks(_texts(document, path, "labels"), _texts(document, path, "notes"))


def set_label(library: Library, prompt: Prompt, label: str) -> str:
    """Puts the label on the version of this prompt, takes it from the version that had it, and returns that version
    ("": none had it). Stores the prompt's text. Raises LibraryError."""
    label = safe_label(label)
    with _changing(library, prompt.name, prompt) as (labels, _):
        before = labels.get(label, "")
        labels[label] = prompt.version
    return before


def remove_label(library: Library, name: str, label: str) -> None:
    """Removes the label; the text of its version stays in the library. Does nothing if no version has the label. Raises
    LibraryError."""
    with _changing(library, name) as (labels, _):
        labels.pop(label, None)


def set_note(library: Library, prompt: Prompt, note: str) -> str:
    """Sets the note on the version of this prompt ("": removes it) and returns the note that it had. Stores the
    prompt's text. Raises LibraryError."""
    note = " ".join(printable(note).split())
    if len(note) > MAX_NOTE:
        raise LibraryError(f"The note has {len(note)} characters.", hint=f"Use at most {MAX_NOTE}.")
    with _changing(library, prompt.name, prompt) as (_, notes):
        before = notes.pop(prompt.version, "")
        if note:
            notes[prompt.version] = note
    return before


def kept_versions(library: Library, name: str) -> dict[str, float]:
    """Returns the versions whose text is in the library, each with the time at which its file was written, in Unix
    seconds."""
    times = {}
    for path in library.versions_folder(name).glob(f"*{SUFFIX}"):
        with suppress(OSError):  # removed since the folder was read
            if _VERSION.fullmatch(path.stem):
                times[path.stem] = path.stat().st_mtime
    return times


def kept_prompt(library: Library, name: str, version: str) -> Prompt:
    """Returns the version whose text is in the library, without a title. Raises LibraryError if the file is missing or
    holds another version, PromptError if it is broken."""
    path = library.versions_folder(name) / f"{version}{SUFFIX}"
    prompt = loads(text_of(read(path), path), name)
    if prompt.version != version:
        raise LibraryError(
            f"{path} has been changed: it holds the version {prompt.version}.",
            hint="Restore it, for example by git; a new version is saved as the prompt itself.",
        )
    return replace(prompt, title="")  # else the name that the prompt had then


@contextmanager
def _changing(
    library: Library, name: str, prompt: Prompt | None = None
) -> Iterator[tuple[MutableMapping[str, str], MutableMapping[str, str]]]:
    """Yields the tables of labels and of notes in labels.toml, and writes the file when the block has changed them;
    before it, the text of the `prompt`, if one is given. No other process changes the file meanwhile."""
    import tomlkit

    folder = library.versions_folder(name)
    with library.locked():
        document = _document(folder / _FILE)
        if not document.body:
            document.add(tomlkit.comment(_HEADER))
        for table in _TABLES:
            _texts(document, folder / _FILE, table)
            document.setdefault(table, tomlkit.table())
        yield cast(Any, document["labels"]), cast(Any, document["notes"])
        if prompt is not None:
            _keep_text(folder, prompt)
        write(folder / _FILE, tomlkit.dumps(document).encode())


def _keep_text(folder: Path, prompt: Prompt) -> None:
    path = folder / f"{prompt.version}{SUFFIX}"
    if path.is_file():
        with suppress(LibraryError, PromptError):
            if loads(text_of(read(path), path), prompt.name).version == prompt.version:
                return
    write(path, dumps(prompt).encode())


def _document(path: Path) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if not path.is_file():
        return tomlkit.document()
    try:
        return tomlkit.parse(text_of(read(path), path))
    except (TOMLKitError, ValueError) as error:
        raise LibraryError(
            f"{path} is not valid TOML: {error}.", hint="Correct that line; two branches may have changed it."
        ) from error


def _texts(document: TOMLDocument, path: Path, table: str) -> dict[str, str]:
    """Returns a table of the document as a plain dict of texts. Raises LibraryError if it is anything else."""
    pairs = document.get(table, {})
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise LibraryError(f"{path}: [{table}] must be a table of texts.", hint='Write label = "version".')
    return {str(key): str(value) for key, value in pairs.items()}
