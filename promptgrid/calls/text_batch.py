"""Groups texts into one call to an embedding model. Each vector is stored as the reply to its text."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from promptgrid import models
from promptgrid.budget import Cost
from promptgrid.endpoint import Endpoint, Reply
from promptgrid.errors import EndpointError
from promptgrid.models import ModelFacts
from promptgrid.store.commits import CellResult
from promptgrid.store.database import Row
from promptgrid.store.steps import StepRecord

KIND = "embedding"
TEXTS_A_CALL = 64
_ONE_TEXT = ("too_long", "bad_request")  # errors that a single text may have caused

Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Texts for one call to the embedding model `model`; it has the methods of a `Batch`. Each vector is stored as the
    reply to its text, with the sample number 0, and no cell shows it. `received` takes the vectors by text."""

    endpoint: str
    identity: str  # the endpoint's identity
    model: str
    texts: tuple[str, ...]
    attempts: int = 0
    positions: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    parameters: None = None
    honoured: str = "{}"
    received: dict[str, Vector] = field(default_factory=dict, compare=False)

    @property
    def tokens(self) -> float:
        return sum(map(len, self.texts)) / 3

    def worst(self, facts: ModelFacts) -> Cost:
        # A token is at least one byte; some models add a few tokens of their own.
        return models.cost_of(facts, sum(len(text.encode("utf-8", "replace")) + 16 for text in self.texts))

    async def send(self, endpoint: Endpoint) -> list[Reply]:
        embeddings = await endpoint.embeddings(self.model, self.texts)
        self.received.update(zip(self.texts, embeddings.vectors, strict=True))
        tokens, latency = embeddings.prompt_tokens, embeddings.latency_ms
        return [
            Reply(vector_text(vector), prompt_tokens=tokens, completion_tokens=0, latency_ms=latency,
                  sent={"model": self.model, "input": text})
            for text, vector in zip(self.texts, embeddings.vectors, strict=True)
        ]  # fmt: skip

    def name(self, index: int) -> tuple[str, int]:
        return vector_key(self.identity, self.model, self.texts[index]), 0

    def reader(self, replies: Sequence[Reply], attempts: int) -> Callable[[], list[CellResult]] | None:
        """Returns None: no cell shows a vector."""
        return None

    def steps(self, replies: Sequence[Reply], rows: Sequence[Row]) -> Sequence[StepRecord]:
        """Returns nothing: a vector is no call of a cell."""
        return ()

    def rest(self, answered: int, attempts: int) -> list[TextBatch]:
        texts = self.texts[answered:]
        return [replace(self, texts=texts, attempts=attempts)] if texts else []

    def parts(self, error: EndpointError) -> list[TextBatch]:
        """Returns two halves of the batch if one of its texts may have caused the error; otherwise, or for a single
        text, an empty list."""
        half = len(self.texts) // 2
        if error.kind not in _ONE_TEXT or not half:
            return []
        return [replace(self, texts=self.texts[half:]), replace(self, texts=self.texts[:half])]


def vector_key(identity: str, model: str, text: str) -> str:
    """Returns the key under which a text's vector is stored; `identity` is that of the endpoint."""
    return hashlib.sha256(json.dumps([KIND, identity, model, text]).encode()).hexdigest()[:32]


def vector_text(vector: Vector) -> str:
    """Encodes a vector as the text of a reply: base64 of 32-bit floats, which is all the precision that models give."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def read_vector(text: str) -> Vector:
    """Decodes the text that `vector_text` returned."""
    packed = base64.b64decode(text)
    return struct.unpack(f"<{len(packed) // 4}f", packed)
