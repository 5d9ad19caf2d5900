"""Chooses the chunks of a collection for a query.

A retriever is written as `KIND[:embedder=NAME]`: `bm25`, `embedding`, `hybrid:embedder=local/bge-m3`. A query may come
as several texts, such as rewritten ones (RAG-Fusion): their rankings are fused. Whatever asks a model for other queries
or for another order (rerank) is a step of a technique, and stands before or after `retrieve`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal, cast, get_args

from promptgrid.budget import Wall
from promptgrid.documents.chunkers import Chunker, cut_up
from promptgrid.documents.chunks import Chunk, Passage
from promptgrid.documents.embedders import LOCAL, embed, stored_name
from promptgrid.errors import DocumentsError
from promptgrid.progress import OnWork, counted, silent
from promptgrid.prompt.retrieval import EMBEDDING, retriever_parts
from promptgrid.ranking.bm25 import BM25
from promptgrid.ranking.orders import Ranked, best, cosines, fused
from promptgrid.store import Database
from promptgrid.store.documents import collections
from promptgrid.store.documents.collections import StoredText
from promptgrid.suggestions import did_you_mean
from promptgrid.tokens import ENCODINGS, count_in, count_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RetrieverKind = Literal["none", "bm25", "embedding", "hybrid", "all", "oracle"]
RETRIEVER_KINDS: tuple[RetrieverKind, ...] = get_args(RetrieverKind)
ChunkOrder = Literal["best-first", "best-last"]
CHUNK_ORDERS: tuple[ChunkOrder, ...] = get_args(ChunkOrder)
_DEPTH = 100  # ranks of each ranking that are fused, if k is not larger
_INDEXES = 8  # kept in memory


@dataclass(frozen=True, slots=True)
class Retriever:
    """How chunks are chosen. `embedder` makes the vectors of `embedding` and `hybrid`.

    none       no chunks
    bm25       by the words of the query
    embedding  by the cosine of the vectors of query and chunk
    hybrid     both, fused by reciprocal ranks
    all        every document as a whole, in the order of their names; k does not limit them
    oracle     the gold passages themselves: what a perfect retriever would bring
    """

    kind: RetrieverKind = "bm25"
    embedder: str = LOCAL

    def __post_init__(self) -> None:
        if self.kind not in RETRIEVER_KINDS:
            hint = did_you_mean(self.kind, RETRIEVER_KINDS)
            raise DocumentsError(f"No retriever is called {self.kind!r}.", hint=hint)

    def __str__(self) -> str:
        return f"{self.kind}:embedder={self.embedder}" if self.embeds and self.embedder != LOCAL else self.kind

    @property
    def embeds(self) -> bool:
        """Whether the retriever needs vectors."""
        return self.kind in EMBEDDING


def parse_retriever(text: str) -> Retriever:
    """Parses `KIND[:embedder=NAME]`. Raises DocumentsError.

    >>> parse_retriever("hybrid:embedder=local/bge-m3").embedder
    'local/bge-m3'
    """
    kind, name, embedder = retriever_parts(text)
    if ":" in text and (name != "embedder" or not embedder):
        hint = "Such as hybrid:embedder=ENDPOINT/MODEL."
        raise DocumentsError(f"A retriever has no option {name!r} (in {text!r}).", hint=hint)
    return Retriever(cast(RetrieverKind, kind), embedder or LOCAL)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was retrieved, with its `rank` from 1. `score` is BM25, a cosine or a sum of reciprocal ranks; 0 for
    the retrievers `all` and `oracle`."""

    chunk: Chunk
    rank: int
    score: float


class ChunkIndex:
    """The chunks of a collection by one chunker, with their postings and vectors. `digest` changes with every text of
    the collection."""

    def __init__(self, documents: Sequence[StoredText], chunker: Chunker, on_progress: OnWork = silent) -> None:
        self.documents, self.chunker = documents, chunker
        self.chunks = cut_up(documents, chunker, lambda done, total: on_progress(done, total, "characters cut"))
        self._bm25: BM25 | None = None
        self._matrices: dict[str, NDArray[np.float32]] = {}

    @cached_property
    def by_name(self) -> Mapping[str, StoredText]:
        """The documents by name."""
        return {document.name: document for document in self.documents}

    def prepare(
        self, database: Database, retriever: Retriever, *, budget: str | Wall = "", on_progress: OnWork = silent
    ) -> None:
        """Makes the postings and the vectors that the retriever needs and that are missing; `budget` and the errors are
        those of `embedders.embed`. If `on_progress` raises, the work ends; the vectors made so far are stored."""
        if retriever.kind in ("bm25", "hybrid"):
            self.bm25(on_progress)
        if retriever.embeds:
            self.embed(database, retriever.embedder, budget=budget, on_progress=on_progress)

    def bm25(self, on_progress: OnWork = silent) -> BM25:
        """Returns the postings of the chunks, and makes them the first time."""
        if self._bm25 is None:
            self._bm25 = BM25(counted(self.chunks.texts, len(self.chunks), "chunks indexed", on_progress))
        return self._bm25

    def embed(
        self, database: Database, embedder: str, *, budget: str | Wall = "", on_progress: OnWork = silent
    ) -> NDArray[np.float32]:
        """Returns the vectors of the chunks, and makes those that are missing; parameters and errors are those of
        `embedders.embed`. They are held in 32 bits, by which numpy multiplies several times faster."""
        name = stored_name(embedder)
        if name not in self._matrices or not self._is_current(database, embedder, budget):
            self._matrices[name] = embed(
                database, embedder, self.chunks.texts, budget=budget, precision="float32",
                on_progress=lambda done, total: on_progress(done, total, "vectors made"),
            )  # fmt: skip
        return self._matrices[name]

    def _is_current(self, database: Database, embedder: str, budget: str | Wall) -> bool:
        """Whether the vectors in memory are those that are stored: another process may have forgotten them and made
        others. Compares the first one."""
        import numpy as np

        at = next((number for number, text in enumerate(self.chunks.texts) if text.strip()), None)
        if at is None:
            return True
        first = embed(database, embedder, [self.chunks[at].text], budget=budget)[0]
        return np.array_equal(first.astype(np.float32), self._matrices[stored_name(embedder)][at])


def load_index(database: Database, collection_id: str, chunker: Chunker, on_progress: OnWork = silent) -> ChunkIndex:
    """Returns the index of the collection as it is now. The latest ones stay in memory, by the digests of their texts.
    If `on_progress` raises, the work ends. Raises DocumentsError if the collection has no text."""
    infos = collections.documents_of(database, collection_id)
    digest = hashlib.sha256("\n".join(f"{info.name}\t{info.text_digest}" for info in infos).encode()).hexdigest()
    if not any(info.text_digest for info in infos):
        raise DocumentsError("The collection has no text.", hint="Add documents: promptgrid documents add NAME FOLDER")
    return _index(_Loader(database, collection_id, digest, on_progress), chunker)


class _Loader:
    """Names the texts of a collection by their digest, and loads them."""

    def __init__(self, database: Database, collection_id: str, digest: str, on_progress: OnWork) -> None:
        self.database, self.collection_id, self.digest = database, collection_id, digest
        self.on_progress: OnWork | None = on_progress

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Loader) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@lru_cache(maxsize=_INDEXES)
def _index(loader: _Loader, chunker: Chunker) -> ChunkIndex:
    on_progress, loader.on_progress = loader.on_progress or silent, None  # the cache keeps the loader
    return ChunkIndex(list(collections.texts(loader.database, loader.collection_id)), chunker, on_progress)


def retrieve(
    database: Database,
    index: ChunkIndex,
    retriever: Retriever,
    queries: str | Sequence[str],
    k: int,
    *,
    gold: Sequence[Passage] = (),
) -> list[Hit]:
    """Returns at most `k` chunks for the query, the best first; the rankings of several `queries` are fused. `gold` is
    what the retriever `oracle` returns. BM25 returns no chunk without a word of the query.

    Raises DocumentsError for a `k` below 1, and errors as `embedders.embed` does.
    """
    if k < 1:
        raise DocumentsError(f"k is the number of chunks, not {k}.", hint="Choose 1 or more.")
    if retriever.kind in ("none", "all", "oracle"):
        whole = {"none": [], "all": _documents(index), "oracle": _gold(index, gold)}[retriever.kind]
        return [Hit(chunk, rank, 0.0) for rank, chunk in enumerate(whole, 1)]
    rankings = [
        ranking
        for query in ([queries] if isinstance(queries, str) else queries)
        for ranking in _rankings(database, index, retriever, query, k if isinstance(queries, str) else max(k, _DEPTH))
    ]
    ranked = rankings[0][:k] if len(rankings) == 1 else fused(rankings, k)
    return [Hit(index.chunks[number], rank, score) for rank, (number, score) in enumerate(ranked, 1)]


def in_order(hits: Sequence[Hit], order: ChunkOrder) -> list[Hit]:
    """Returns the hits in the order in which a prompt shows them: the best first, or the best last, beside the
    question."""
    return list(hits) if order == "best-first" else list(reversed(hits))


def _rankings(database: Database, index: ChunkIndex, retriever: Retriever, query: str, k: int) -> list[Ranked]:
    depth = max(k, _DEPTH) if retriever.kind == "hybrid" else k
    rankings = []
    if retriever.kind in ("bm25", "hybrid"):
        rankings.append(best(index.bm25().scores(query), depth, 0.0))
    if retriever.embeds:
        matrix = index.embed(database, retriever.embedder)
        vector = embed(database, retriever.embedder, [query], "query")[0]
        rankings.append(best(cosines(matrix, vector), depth) if len(vector) else [])
    return rankings


def _documents(index: ChunkIndex) -> list[Chunk]:
    return [_piece(index, document, 0, len(document.text)) for document in index.documents]


def _gold(index: ChunkIndex, gold: Sequence[Passage]) -> list[Chunk]:
    return [_piece(index, index.by_name[one.document], one.start, one.end)
            for one in gold if one.document in index.by_name]  # fmt: skip


def _piece(index: ChunkIndex, document: StoredText, start: int, end: int) -> Chunk:
    tokenizer, text = index.chunker.tokenizer, document.text[start:end]
    count = count_in(tokenizer, text) if tokenizer in ENCODINGS else count_text(text, tokenizer)
    return Chunk(document, start, end, count.tokens)
