"""Collections of documents, vectors, and what runs have retrieved from them."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from promptgrid.documents.adding import Source, add
from promptgrid.errors import DocumentsError, StoreError
from promptgrid.store import Database, commits, runs
from promptgrid.store.commits import Group
from promptgrid.store.documents import collections, vectors
from promptgrid.store.documents.collections import DocumentInfo, NewDocument
from promptgrid.store.documents.retrieved import CellContext, StoredContexts
from promptgrid.techniques.passages import Context, RetrievedPassage
from tests.commits import HOSTILE, greeting_plan, queued


def a_document(name: str, text: str | None) -> NewDocument:
    digest = None if text is None else hashlib.sha256(text.encode()).hexdigest()
    note = "" if text else f"unread: {HOSTILE}"
    info = DocumentInfo(name, "", "txt", f"Title {HOSTILE}", 9, 1.5, f"file of {name}", digest, note, len(text or ""))
    return NewDocument(info, text, (0, 3) if text else ())


def texts_of(database: Database, collection_id: str) -> dict[str, str]:
    return {one.name: one.text for one in collections.texts(database, collection_id)}


def test_documents_are_stored_replaced_and_taken_out(database: Database) -> None:
    mine = collections.create(database, " papers ")
    many = [a_document(f"{number:03}.txt", f"text {number} 青石 <b>") for number in range(120)]
    collections.put(database, mine, [*many, a_document("bad.pdf", None)])
    collections.put(database, mine, [a_document("001.txt", "another")])
    collections.remove(database, mine, ["000.txt", "no such name"])
    found = texts_of(database, mine)
    assert len(found) == 119
    assert found["001.txt"] == "another"
    assert found["119.txt"] == "text 119 青石 <b>"
    infos = {info.name: info for info in collections.documents_of(database, mine)}
    assert infos["bad.pdf"].note.startswith("unread: a")
    assert infos["001.txt"].chars == len("another")
    (info,) = collections.listed(database)
    assert (info.name, info.documents, info.unread) == ("papers", 120, 1)
    assert info.chars == sum(map(len, found.values()))
    stored = collections.text_of_file(database, "file of 002.txt", "txt")
    assert stored is not None
    assert (stored.text, stored.pages) == ("text 2 青石 <b>", (0, 3))


def test_a_file_with_a_null_and_half_characters_is_stored_or_named(database: Database) -> None:
    mine = collections.create(database, "papers")
    data = [Source("null.txt", data=b"a\0b c"), Source("plain.txt", data="é 青".encode())]
    endings = {one.name: one for one in add(database, mine, data)}
    assert endings["plain.txt"].ending == "added"
    assert ("null.txt" in texts_of(database, mine)) == (endings["null.txt"].ending == "added")
    assert endings["null.txt"].ending == "added" or endings["null.txt"].note


def test_a_deleted_collection_comes_back_until_it_is_purged(database: Database) -> None:
    mine = collections.create(database, "papers")
    collections.put(database, mine, [a_document("a.txt", "alpha")])
    collections.delete(database, mine)
    with pytest.raises(StoreError, match="is deleted"):
        collections.find(database, "papers")
    other = collections.create(database, "papers")
    assert collections.restore(database, mine) == "papers (2)"
    with pytest.raises(StoreError, match="cannot be called"):
        collections.create(database, "papers")
    collections.delete(database, mine)
    assert collections.purge(database) == 1
    assert texts_of(database, mine) == {}
    assert collections.find(database, other[:6]).id == other
    with pytest.raises(StoreError, match="any more"):
        collections.put(database, mine, [])


def test_vectors_are_kept_by_key_and_of_one_size(database: Database) -> None:
    data = {f"key {number}": bytes([number % 256, 0]) * 4 for number in range(1_200)}
    vectors.keep(database, "local/m", data)
    vectors.keep(database, "local/m", {"key 1": bytes(8)})  # the first one stays
    assert vectors.stored(database, [*data, "no such key"]) == data
    assert vectors.present(database, ["key 3", "no such key"]) == {"key 3"}
    with pytest.raises(DocumentsError, match="different sizes: 4, 8 numbers"):
        vectors.keep(database, "local/m", {"wider": bytes(16)})
    vectors.keep(database, "other/m", {"wider": bytes(16)})
    assert vectors.counts(database) == {"local/m": 1_200, "other/m": 1}
    assert vectors.forget(database, "local/m") == 1_200


@pytest.mark.usefixtures("openai")
def test_a_run_keeps_the_passages_that_it_has_shown(database: Database) -> None:
    mine = collections.create(database, "papers")
    text = "The ferry leaves at nine. 青石镇"
    document = a_document("boat.txt", text)
    collections.put(database, mine, [document])
    run_id = queued(database, greeting_plan())
    digest = document.info.text_digest or ""
    passage = RetrievedPassage("boat.txt", digest, "The ferry", None, 4, 9, 1, 0.25, "ferry")
    second = dataclasses.replace(passage, start=26, end=29, rank=2, text="青石镇")
    case = runs.plan_of(database, run_id).cases[1]
    found = [CellContext(case.id, Context("setting", (passage, second)), 0)] * 2
    commits.commit(database, run_id, commits.claim(database, run_id), Group(found=found))
    collections.delete(database, mine)
    collections.purge(database)
    assert StoredContexts(database, run_id).of("setting", case.id) == (passage, second)
    assert StoredContexts(database, run_id).of("another", case.id) == ()
    runs.delete(database, run_id)
    runs.purge(database)
    collections.purge(database)
    assert collections.text_of(database, digest) is None
