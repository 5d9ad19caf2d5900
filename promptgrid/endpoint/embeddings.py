"""Reads the answers of /embeddings (vectors) and of /models (names); validates every field, as `replies` does."""

from __future__ import annotations

from itertools import islice
from typing import Any

from promptgrid.endpoint.base import Embeddings
from promptgrid.endpoint.replies import bad_reply, parsed
from promptgrid.endpoint.usage import read_usage

MOST_MODELS, LONGEST_NAME = 2_000, 300  # a page draws each of its selectors with all names
_LARGEST = 1e30  # of a number: the length of a vector with larger ones overflows


def embeddings(text: str, n: int, latency_ms: float = 0.0) -> Embeddings:
    """Returns the `n` vectors in `text`, the JSON body of a response, in the order of the texts sent. `latency_ms`
    becomes that of the result. Raises EndpointError(bad_reply) unless there are `n` valid ones."""
    body = parsed(text)
    rows = body.get("data")
    by_index: dict[object, object] = {}
    if isinstance(rows, list):
        by_index = {row.get("index"): row.get("embedding") for row in rows
                 if isinstance(row, dict) and type(row.get("index")) is int}  # fmt: skip
    vectors = [vector for index in range(n) if (vector := _vector(by_index.get(index)))]
    if len(vectors) < n:
        raise bad_reply(f"The endpoint's answer has no {n} embeddings.", text)
    return Embeddings(vectors, read_usage(body).prompt, latency_ms)


def _vector(value: object) -> tuple[float, ...]:
    """Returns the value as a vector; an empty one if it is not a list of finite numbers."""
    return tuple(map(float, value)) if isinstance(value, list) and all(map(_is_number, value)) else ()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


def model_names(listing: Any) -> list[str]:
    """Returns the names in a parsed answer of /models, {"data": [{"id": …}]} or the bare list: the first MOST_MODELS,
    sorted. Raises EndpointError(bad_reply) for another form."""
    if not isinstance(listing, (dict, list)):
        raise bad_reply("The endpoint's list of models is no list.", str(listing))
    rows = listing.get("data", listing.get("models")) if isinstance(listing, dict) else listing
    rows = rows if isinstance(rows, list) else []
    names = (row.get("id", row.get("name")) if isinstance(row, dict) else row for row in rows)
    shown = dict.fromkeys(name for name in names if isinstance(name, str) and _can_be_shown(name))
    return sorted(islice(shown, MOST_MODELS))


def _can_be_shown(name: str) -> bool:
    """Whether a model's name can be shown, sent and stored: not too long, no control character, no lone surrogate."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()
