"""The answers of /embeddings -> vectors, and of /models -> names. Trusts nothing, as `replies`."""

from __future__ import annotations

from typing import Any

from promptgrid.endpoint.base import Embeddings
from promptgrid.endpoint.replies import bad_reply, parsed
from promptgrid.endpoint.usage import read_usage

MOST_MODELS, LONGEST_NAME = 10_000, 300
_LARGEST = 1e30  # of a number: with larger ones no length can be worked out


def embeddings(text: str, n: int, latency_ms: float = 0.0) -> Embeddings:
    """The `n` vectors in a response's body, in the order of the texts. Raises EndpointError(bad_reply)."""
    body = parsed(text)
    rows = body.get("data")
    found: dict[object, object] = {}
    if isinstance(rows, list):
        found = {row.get("index"): row.get("embedding") for row in rows
                 if isinstance(row, dict) and type(row.get("index")) is int}  # fmt: skip
    vectors = [vector for index in range(n) if (vector := _vector(found.get(index)))]
    if len(vectors) < n:
        raise bad_reply(f"The endpoint's answer has no {n} embeddings.", text)
    return Embeddings(vectors, read_usage(body).prompt, latency_ms)


def _vector(found: object) -> tuple[float, ...]:
    """Empty where it is none."""
    return tuple(map(float, found)) if isinstance(found, list) and all(map(_is_number, found)) else ()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


def model_names(listing: Any) -> list[str]:
    """The ids in an answer of /models: {"data": [{"id": …}]}, or the bare list. Raises EndpointError(bad_reply)."""
    if not isinstance(listing, (dict, list)):
        raise bad_reply("The endpoint's list of models is no list.", str(listing))
    rows = listing.get("data", listing.get("models")) if isinstance(listing, dict) else listing
    rows = rows[:MOST_MODELS] if isinstance(rows, list) else []
    names = (row.get("id", row.get("name")) if isinstance(row, dict) else row for row in rows)
    return sorted({name for name in names if isinstance(name, str) and _can_be_shown(name)})


def _can_be_shown(name: str) -> bool:
    """Also sent and stored: no control character and no lone surrogate is printable."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()
