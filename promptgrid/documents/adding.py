"""Adds files to a collection: those of a folder, files named one by one, or uploads.

Nothing outside the chosen folder is read: links are not followed. A file that cannot be read is stored with the reason,
and the others go on.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import Counter
from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from promptgrid.documents.reading import KINDS as KINDS
from promptgrid.documents.reading import MOST_BYTES, extract, kind_of
from promptgrid.errors import DocumentsError, PromptgridError
from promptgrid.store import Database
from promptgrid.store.documents import collections
from promptgrid.store.documents.collections import DocumentInfo, NewDocument

MOST_FILES = 100_000
MOST_CHARS = 1_000_000_000
"""The size of all texts of a collection, in characters."""

_LOT, _LOT_CHARS = 50, 5_000_000  # documents and characters a commit
Ending = Literal["added", "changed", "unchanged", "unread"]


@dataclass(frozen=True, slots=True)
class Source:
    """A file to add: its `name` in the collection, and its absolute `path` or, for an upload, its bytes (`data`)."""

    name: str
    path: Path | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder that can be added, and in words what is left out, such as links and other kinds of
    files."""

    sources: Sequence[Source]
    left_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Addition:
    """How one file ended: `added`, `changed` (replaces an earlier text), `unchanged`, or `unread`, with the reason in
    `note`. It was number `done` of `total` files."""

    name: str
    ending: Ending
    note: str
    done: int
    total: int


def sources_of(path: Path) -> Listing:
    """Returns the files to add for a path that a user named: the file itself, or all files in the folder and its
    folders whose kind is known. Raises DocumentsError if there is no such path, and for more than 100,000 files.

    In a folder, links, hidden files and files of other kinds are left out.
    """
    path = Path(os.path.abspath(path.expanduser()))
    if path.is_file():
        return Listing([Source(path.name, path.resolve())])
    if not path.is_dir():
        raise DocumentsError(f"There is no file or folder {path}.", hint="Check the name.")
    root = path.resolve()
    names: list[str] = []
    links, others = 0, Counter[str]()
    for entry in _files(root):
        name = Path(entry.path).relative_to(root).as_posix()
        if entry.is_symlink():
            links += 1
        elif entry.is_file(follow_symlinks=False):
            if kind_of(name):
                names.append(name)
            else:
                others[Path(name).suffix.lower() or "without an ending"] += 1
        if len(names) > MOST_FILES:
            raise DocumentsError(f"{path} has more than {MOST_FILES:,} files.", hint="Add folders of it one by one.")
    left_out = [f"links, which are not followed: {links:,}"] if links else []
    left_out += [f"files of other kinds: {', '.join(f'{n:,} {e}' for e, n in others.most_common(5))}"] if others else []
    return Listing([Source(name, root / name) for name in sorted(names)], left_out)


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yields what is in the folder and its folders, without hidden entries. A link to a folder is yielded and not
    followed; a folder that cannot be opened is left out."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry
        except OSError:
            continue


def add(
    database: Database, collection_id: str, sources: Sequence[Source], *, encoding: str = ""
) -> Generator[Addition, None, None]:
    """Reads the files and stores their texts in the collection; yields how each file ended. Closing the generator stops
    the work: what was read so far is stored. `encoding` is that of texts which are not UTF-8 ("": UTF-8 alone).

    A file whose bytes are as stored is not read again. Raises StoreError if the collection is removed meanwhile.
    """
    stored = {info.name: info for info in collections.documents_of(database, collection_id)}
    chars = sum(info.chars for info in stored.values())
    waiting: list[NewDocument] = []
    try:
        for done, source in enumerate(sources, 1):
            before = stored.get(source.name)
            document = _read(database, source, before, encoding, MOST_CHARS - chars)
            if document is not None:
                waiting.append(document)
                stored[source.name] = document.info
                chars += document.info.chars - (before.chars if before else 0)
                if len(waiting) >= _LOT or sum(one.info.chars for one in waiting) >= _LOT_CHARS:
                    collections.put(database, collection_id, waiting)
                    waiting = []
            info = stored[source.name]
            yield Addition(source.name, _ending(before, document), info.note, done, len(sources))
    finally:
        if waiting:
            collections.put(database, collection_id, waiting)


def _ending(before: DocumentInfo | None, document: NewDocument | None) -> Ending:
    if document is None:
        return "unchanged"
    if document.text is None:
        return "unread"
    if before is None or before.text_digest is None:
        return "added"
    return "unchanged" if before.text_digest == document.info.text_digest else "changed"


def _read(
    database: Database, source: Source, before: DocumentInfo | None, encoding: str, room: int
) -> NewDocument | None:
    """Returns the document of the file, without a text if it cannot be read; None if the stored document `before` was
    read from the same bytes. `room` is the number of characters that the collection can still take."""
    path = "" if source.path is None else str(source.path)
    info = DocumentInfo(source.name, path, kind_of(source.name), "", 0, time.time(), "", None, "")
    try:
        data, info = _bytes(source, info)
        if before is not None and before.file_digest == info.file_digest and before.text_digest and not encoding:
            return None if before.path == path and before.modified == info.modified else _moved(database, before, info)
        same = None if encoding else collections.text_of_file(database, info.file_digest, info.kind)
        if same is not None and same.text is not None:
            title, digest, note = same.info.title, same.info.text_digest, same.info.note
            text, pages = same.text, same.pages
        else:
            extracted = extract(data, source.name, encoding=encoding)
            text, pages, title, note = extracted.text, extracted.pages, extracted.title, extracted.note
            digest = hashlib.sha256(text.encode()).hexdigest()
        if len(text) - (before.chars if before else 0) > room:
            raise DocumentsError(
                f"{source.name} does not fit: a collection holds {MOST_CHARS:,} characters.",
                hint="Add it to another collection.",
            )
        return NewDocument(replace(info, title=title, text_digest=digest, note=note, chars=len(text)), text, pages)
    except PromptgridError as error:
        return NewDocument(replace(info, note=str(error)))


def _moved(database: Database, before: DocumentInfo, info: DocumentInfo) -> NewDocument | None:
    """Returns the stored document with the path and the time of the file that was read now."""
    same = collections.text_of_file(database, before.file_digest, before.kind)
    kept = replace(before, path=info.path, modified=info.modified)
    return None if same is None else NewDocument(kept, same.text, same.pages)


def _bytes(source: Source, info: DocumentInfo) -> tuple[bytes, DocumentInfo]:
    """Returns the bytes of the file, and `info` with its size, time and digest. Raises DocumentsError if the file is a
    link or no ordinary file, is too large, or cannot be opened."""
    data, modified = source.data, info.modified
    if source.path is not None:
        data, modified = read_file(source.path, source.name)
    data = data or b""
    digest = hashlib.sha256(data).hexdigest()
    return data, replace(info, bytes=len(data), modified=modified, file_digest=digest)


def read_file(path: Path, name: str) -> tuple[bytes, float]:
    """Returns (the bytes of an ordinary file, its time in seconds since 1970). `name` stands for it in errors. Raises
    DocumentsError if it is a link or lies behind one, is a device or a pipe, is larger than a document may be, or
    cannot be opened."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if path.resolve() != path:
            raise OSError("it is a link, and links are not followed")
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DocumentsError(f"{name} is no ordinary file.", hint="Only files are read.")
            if status.st_size > MOST_BYTES:
                hint = "Split it into several files."
                raise DocumentsError(f"{name} has more than {MOST_BYTES // 2**20} MB.", hint=hint)
            return file.read(MOST_BYTES + 1), status.st_mtime
    except OSError as error:
        why = error.strerror or str(error)
        raise DocumentsError(f"{name} cannot be read: {why}.", hint="Check the file and its rights.") from error


def state_of_file(info: DocumentInfo) -> str:
    """Returns in words how the document's file differs from what was read: `changed since it was read`, or `the file is
    gone`. Returns "" if it is the same, or if the document was uploaded."""
    if not info.path:
        return ""
    path = Path(info.path)
    try:
        status = path.lstat()
    except OSError:
        return "the file is gone"
    if status.st_size == info.bytes and status.st_mtime == info.modified:
        return ""
    if status.st_size == info.bytes:
        try:
            if hashlib.sha256(read_file(path, info.name)[0]).hexdigest() == info.file_digest:
                return ""
        except DocumentsError:
            return "the file can no longer be read"
    return "changed since it was read"


def outdated(database: Database, collection_id: str, names: Container[str]) -> list[str]:
    """Returns, for each of the collection's documents with these names whose file is no longer as it was read, its name
    and why: `boat.txt: changed since it was read`."""
    infos = [info for info in collections.documents_of(database, collection_id) if info.name in names]
    return [f"{info.name}: {state}" for info in infos if (state := state_of_file(info))]


def listings(paths: Iterable[Path]) -> Listing:
    """Returns the files of several paths as one listing. A file whose name stands there already gets a number, so that
    both are added. Raises DocumentsError as `sources_of` does."""
    sources: dict[str, Source] = {}
    left_out: list[str] = []
    for path in paths:
        listing = sources_of(path)
        left_out += listing.left_out
        for source in listing.sources:
            sources[_unused(source.name, sources)] = source
    return Listing([replace(source, name=name) for name, source in sources.items()], left_out)


def _unused(name: str, taken: Container[str]) -> str:
    stem, number = Path(name), 1
    while name in taken:
        number += 1
        name = stem.with_name(f"{stem.stem} ({number}){stem.suffix}").as_posix()
    return name
