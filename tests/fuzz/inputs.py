"""Odd texts and values for the fuzzers, and how many each tries: 40, or FUZZ of the environment (`make fuzz`)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.export.fragments import FRAGMENTS

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
DIGITS = "0٣５½Ⅷ②千\U0001ccf2\U000116e1\U00011bf9"  # what str.isdigit, \d or int take, but not all three of them
ANSWERS = [
    "the answer is ", "Answer: ", "answer:\n", "答案是", "####", "\\boxed{", "}", "\\frac{1}{", "{,}", "×10^", "^2",
    "**", "(B)", "not ", "or ", "yes", "no", "<think>", "</think>", "<|channel|>final<|message|>", "```json\n", "```",
    '{"a":', "[1,", "]", "1.5", "1,234", "18,75", "-", "−", "%", " km", "/", ":", "Q: ", "\n\n",
]  # fmt: skip
JINJA = ["{{", "}}", "{%", "%}", "{#", "{{ x }}", "---\n", "system:\n", "user:\n", "  ", "&a", "*a", "!!x", "<<: "]
_pieces = st.sampled_from([*FRAGMENTS, *ANSWERS, *JINJA, *DIGITS]) | st.text(st.characters(codec=None), max_size=4)
odd_texts = st.lists(_pieces, max_size=9).map("".join)
storable_texts = odd_texts.map(lambda text: text.encode("utf-8", "replace").decode())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | storable_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(storable_texts, inner, max_size=3),
    max_leaves=8,
)
