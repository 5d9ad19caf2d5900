"""Whatever an endpoint reports as usage, error or reply becomes plausible counts and plain sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from promptgrid.endpoint import EndpointSettings
from promptgrid.endpoint.refusals import error_inside, response_error, unwrapped
from promptgrid.endpoint.replies import parsed, replies
from promptgrid.endpoint.usage import read_usage, without_nothing
from promptgrid.errors import EndpointError
from tests.fuzz.inputs import FUZZ, json_values, odd_texts

SETTINGS = EndpointSettings("local", "http://127.0.0.1:1/v1")
COUNTS = st.integers(-5, 10**20) | st.floats() | json_values
TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "reasoning_tokens",
          "cached_tokens", "prompt_cache_hit_tokens")  # fmt: skip
USAGES = st.dictionaries(
    st.sampled_from([*TOKENS, "prompt_tokens_details", "completion_tokens_details"]),
    COUNTS | st.dictionaries(st.sampled_from(TOKENS), COUNTS, max_size=2),
)
ERRORS = st.dictionaries(
    st.sampled_from(["message", "type", "code", "param", "detail", "error", "status"]), json_values
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "date"]),
    st.sampled_from(["0", "1e999", "-1", "nan", "6m0s", "Wed, 21 Oct 2015 07:28:00 GMT"]) | odd_texts,
)


@FUZZ
@given(USAGES | json_values)
def test_counts_are_whole_and_not_negative_or_unknown(usage: Any) -> None:
    counts = without_nothing(read_usage({"usage": usage}))
    for count in (counts.prompt, counts.completion, counts.reasoning, counts.cached):
        assert count is None or (isinstance(count, int) and count >= 0)


@FUZZ
@given(st.integers(400, 599), ERRORS.map(lambda error: json.dumps({"error": error})) | odd_texts, HEADERS)
def test_any_error_body_is_a_short_sentence(status: int, text: str, headers: Mapping[str, str]) -> None:
    error = response_error(status, unwrapped(text), headers, SETTINGS, "m")
    assert error.message.startswith("local ")
    assert len(error.message) < 900
    assert error.retry_after is None or error.retry_after >= 0


@FUZZ
@given(st.fixed_dictionaries({}, optional={"choices": json_values, "error": json_values, "usage": USAGES}))
def test_any_body_of_a_reply_is_a_reply_or_an_endpoint_error(body: dict[str, Any]) -> None:
    error_inside(body)
    try:
        for reply in replies(parsed(json.dumps(body)), 2, ""):
            assert isinstance(reply.text, str)
    except EndpointError:
        return
