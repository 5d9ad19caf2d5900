"""A stream says the same however the network cuts it, and whatever it holds."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from promptgrid.endpoint.events import Lines, folded
from promptgrid.errors import EndpointError
from tests.fuzz.inputs import FUZZ, json_values, storable_texts

CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"index": st.integers(0, 2), "delta": json_values}), max_size=2)},
    optional={"usage": json_values, "error": json_values, "id": json_values},
)
EVENTS = st.sampled_from(
    ["data: [DONE]\n\n", ": ping\n\n", "event: error\n", "id: 7\n", "retry: 1\n", "\ufeff", "\r\n"]
)
STREAMS = st.lists(
    CHUNKS.map(lambda chunk: f"data: {json.dumps(chunk)}\n\n") | EVENTS | storable_texts, max_size=6
).map("".join)


def events(pieces: list[bytes]) -> list[tuple[str, str]]:
    lines = Lines()
    return [event for piece in pieces for event in lines.feed(piece)] + [*lines.feed(b"", last=True)]


@FUZZ
@given(STREAMS, st.lists(st.integers(0, 400), max_size=6))
def test_where_the_network_cuts_a_stream_changes_nothing(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = [0, *sorted(cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert events(pieces) == events([data])


@FUZZ
@given(STREAMS)
def test_any_stream_is_a_body_or_an_endpoint_error(text: str) -> None:
    try:
        body: dict[str, Any] = folded(text).body()
    except EndpointError:
        return
    assert isinstance(body["choices"], list)
