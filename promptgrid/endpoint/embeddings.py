"""The answer of /embeddings -> vectors. Trusts nothing, as `replies`."""

from __future__ import annotations

from promptgrid.endpoint.base import Embeddings
from promptgrid.endpoint.replies import bad_reply, parsed, read_usage

_LARGEST = 1e30  # of a number: with larger ones no length can be worked out


def embeddings(text: str, n: int, latency_ms: float = 0.0) -> Embeddings:
    """The `n` vectors in a response's body, in the order of the texts. Raises EndpointError(bad_reply)."""
    body = parsed(text)
    rows = body.get("data")
    found: dict[object, object] = {}
    if isinstance(rows, list):
        found = {row.get("index"): row.get("embedding") for row in rows if isinstance(row, dict)}
    vectors = [vector for index in range(n) if (vector := _vector(found.get(index)))]
    if len(vectors) < n:
        raise bad_reply(f"The endpoint's answer has no {n} embeddings.", text)
    return Embeddings(vectors, read_usage(body).prompt, latency_ms)


def _vector(found: object) -> tuple[float, ...]:
    """Empty where it is none."""
    return tuple(map(float, found)) if isinstance(found, list) and all(map(_is_number, found)) else ()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST
