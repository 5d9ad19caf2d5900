"""Stores collections of documents, with the text of each document once.

A deleted collection is hidden until `restore` or `purge`. The texts of replaced documents stay until `purge`, since
ranges may refer to them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.errors import StoreError
from promptgrid.store.database import Database, now, storable
from promptgrid.store.documents.tables import collections, document_texts, documents, retrieved

_TEXTS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection of documents. `documents` counts them all, `unread` those without text, `chars` is the length of all
    texts; `created` and `updated` are in seconds since 1970."""

    id: str
    name: str
    created: float
    updated: float
    deleted: bool
    documents: int
    unread: int
    chars: int


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """One document of a collection, without its text.

    name         the file's path within the folder that was added
    path         the absolute path of the file; "" if it was uploaded
    kind         txt, md, html, pdf or csv
    bytes        the size of the file, and `modified` its time in seconds since 1970, when it was read
    file_digest  the sha256 of the file's bytes; "" if they could not be read
    text_digest  the sha256 of the text; None if there is no text
    chars        the length of the text
    note         why there is no text, or what the reader of the text should know
    """

    name: str
    path: str
    kind: str
    title: str
    bytes: int
    modified: float
    file_digest: str
    text_digest: str | None
    note: str
    chars: int = 0


@dataclass(frozen=True, slots=True)
class StoredText:
    """The text of one document. `pages` has the index in the text at which each page of a PDF, or each row of a table,
    begins; it is empty for other documents. `digest` is the sha256 of the text."""

    name: str
    title: str
    kind: str
    text: str
    digest: str
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to store: its facts, and its text with the beginnings of its pages (None: it has no text)."""

    info: DocumentInfo
    text: str | None = None
    pages: tuple[int, ...] = ()


def create(database: Database, name: str) -> str:
    """Stores a new, empty collection and returns its id. Raises StoreError if another one has this name."""
    name, collection_id = storable(name.strip()), secrets.token_hex(4)
    with database.write() as connection:
        if not name or _named(connection, name):
            hint = "Choose another name." if name else "Give it a name."
            raise StoreError(f"A collection of documents cannot be called {name!r}.", hint=hint)
        row = {"id": collection_id, "name": name, "created": now(), "updated": now()}
        connection.execute(collections.insert().values(row))
    return collection_id


def listed(database: Database, *, deleted: bool = False) -> list[CollectionInfo]:
    """Returns the collections, most recently changed first: those that are not deleted, or with `deleted` only the
    deleted ones."""
    gone = collections.c.deleted.is_not(None) if deleted else collections.c.deleted.is_(None)
    counts = (
        sa.func.count(documents.c.id).label("documents"),
        (sa.func.count(documents.c.id) - sa.func.count(documents.c.text_digest)).label("unread"),
        sa.func.coalesce(sa.func.sum(document_texts.c.chars), 0).label("chars"),
    )
    joined = collections.outerjoin(documents).outerjoin(document_texts)
    query = sa.select(collections, *counts).select_from(joined).where(gone)
    with database.read() as connection:
        rows = connection.execute(query.group_by(collections.c.id).order_by(collections.c.updated.desc()))
        return [CollectionInfo(**{**row._mapping, "deleted": deleted}) for row in rows]


def find(database: Database, ref: str, *, deleted: bool = False) -> CollectionInfo:
    """Returns the collection with this name, or else the only one whose id begins with `ref`; with `deleted`, among the
    deleted ones. Raises StoreError if there is none or several."""
    infos = listed(database, deleted=deleted)
    matching = [info for info in infos if info.name == ref] or [
        info for info in infos if ref and info.id.startswith(ref)
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        hint = f"Name one by its id: {', '.join(info.id for info in matching)}."
        raise StoreError(f"Several collections are called {ref!r}.", hint=hint)
    gone = [] if deleted else [info for info in listed(database, deleted=True) if ref in (info.name, info.id)]
    if gone:
        hint = f"Restore it: promptgrid documents undelete {gone[0].id}"
        raise StoreError(f"The collection of documents {gone[0].name!r} is deleted.", hint=hint)
    names = ", ".join(info.name for info in infos[:10])
    way = f"There are: {names}." if names else "Add one: promptgrid documents add NAME FOLDER"
    which = "deleted collection" if deleted else "collection"
    raise StoreError(f"There is no {which} of documents called {ref!r}.", hint=way)


def documents_of(database: Database, collection_id: str) -> list[DocumentInfo]:
    """Returns the documents of the collection by name, without their texts."""
    columns = [documents.c[field.name] for field in fields(DocumentInfo) if field.name != "chars"]
    chars = sa.func.coalesce(document_texts.c.chars, 0).label("chars")
    query = sa.select(*columns, chars).select_from(documents.outerjoin(document_texts))
    with database.read() as connection:
        rows = connection.execute(query.where(documents.c.collection_id == collection_id).order_by(documents.c.name))
        return [DocumentInfo(**row._mapping) for row in rows]


def texts(database: Database, collection_id: str) -> Iterator[StoredText]:
    """Yields the documents of the collection that have a text, by name."""
    query = (
        sa.select(documents.c.name, documents.c.title, documents.c.kind, document_texts.c.text,
                  document_texts.c.digest, documents.c.pages)
        .join_from(documents, document_texts)
        .where(documents.c.collection_id == collection_id)
        .order_by(documents.c.name)
    )  # fmt: skip
    with database.read() as connection:
        for row in connection.execute(query.execution_options(yield_per=_TEXTS_AT_ONCE)):
            yield StoredText(*row[:-1], tuple(json.loads(row.pages)))


def text_of(database: Database, digest: str) -> str | None:
    """Returns the stored text with this digest; None if it is not kept, or no longer."""
    with database.read() as connection:
        return connection.scalar(sa.select(document_texts.c.text).where(document_texts.c.digest == digest))


def text_of_file(database: Database, file_digest: str, kind: str) -> NewDocument | None:
    """Returns a stored document of this kind that was read from a file with the same bytes; None if there is none."""
    columns = [documents.c[field.name] for field in fields(DocumentInfo) if field.name != "chars"]
    same = (documents.c.file_digest == file_digest) & (documents.c.kind == kind)
    query = sa.select(*columns, documents.c.pages, document_texts.c.text).join_from(documents, document_texts)
    with database.read() as connection:
        row = connection.execute(query.where(same).limit(1)).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)
    text, pages = values.pop("text"), values.pop("pages")
    return NewDocument(DocumentInfo(**values, chars=len(text)), text, tuple(json.loads(pages)))


def put(database: Database, collection_id: str, new: Sequence[NewDocument]) -> None:
    """Stores the documents in the collection; one with the name of a stored document replaces it. Raises StoreError if
    the collection no longer exists."""
    with database.write() as connection:
        _touch(connection, collection_id)
        for document in new:
            info = document.info
            if document.text is not None:
                row = {"digest": info.text_digest, "text": document.text, "chars": len(document.text)}
                connection.execute(insert(document_texts).values(row).on_conflict_do_nothing())
            values = {field.name: getattr(info, field.name) for field in fields(info) if field.name != "chars"}
            values |= {name: storable(values[name]) for name in ("name", "path", "title", "note")}
            values |= {"collection_id": collection_id, "pages": json.dumps(document.pages), "added": now()}
            statement = insert(documents).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["collection_id", "name"], set_=values))


def remove(database: Database, collection_id: str, names: Sequence[str]) -> None:
    """Takes the documents with these names out of the collection."""
    with database.write() as connection:
        _touch(connection, collection_id)
        mine = documents.delete().where(documents.c.collection_id == collection_id)
        for name in names:
            connection.execute(mine.where(documents.c.name == name))


def delete(database: Database, collection_id: str) -> None:
    """Hides the collection; `restore` shows it again until `purge`."""
    with database.write() as connection:
        _touch(connection, collection_id, deleted=now())


def restore(database: Database, collection_id: str) -> str:
    """Shows a deleted collection again and returns its name: its own, with a number if another collection has the name
    now."""
    with database.write() as connection:
        own = connection.scalar(sa.select(collections.c.name).where(collections.c.id == collection_id)) or ""
        name, number = own, 1
        while _named(connection, name):
            number += 1
            name = f"{own} ({number})"
        _touch(connection, collection_id, deleted=None, name=name)
    return name


def purge(database: Database) -> int:
    """Deletes the deleted collections permanently, and all texts that no document has any more and no run shows.
    Returns the number of collections."""
    with database.write() as connection:
        count = connection.execute(collections.delete().where(collections.c.deleted.is_not(None))).rowcount
        used = sa.exists().where(documents.c.text_digest == document_texts.c.digest)
        shown = sa.exists().where(retrieved.c.digest == document_texts.c.digest)
        connection.execute(document_texts.delete().where(~used, ~shown))
    return count


def _named(connection: sa.Connection, name: str) -> bool:
    query = sa.select(collections.c.id).where(collections.c.name == name, collections.c.deleted.is_(None))
    return connection.execute(query).first() is not None


def _touch(connection: sa.Connection, collection_id: str, **values: object) -> None:
    """Stores `values` in the row of the collection, with the time of the change. Raises StoreError if the collection no
    longer exists."""
    mine = collections.update().where(collections.c.id == collection_id)
    if not connection.execute(mine.values({"updated": now(), **values})).rowcount:
        raise StoreError(f"There is no collection {collection_id} any more.", hint="Was it removed meanwhile?")
