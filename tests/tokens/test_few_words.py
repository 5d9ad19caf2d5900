"""A few short texts are counted without loading the encoding, exactly as tiktoken counts them."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.tokens import encoding, encodings
from promptgrid.tokens.few_words import LONGEST, MOST, FewWords

NAMES = ("o200k_base", "cl100k_base")
WORDS = ["don't", "I'LL", "antidisestablishmentarianism", "\r\n", "\n\n  x", "   ", "\t", "3.14159", "2024-11-30"]
WORDS += ["<|endoftext|>", "http://a.b/c?d=e", "{{x}}", "snake_case", "CamelCaseWord", "...", "a/\n", "\x00", "}\n"]


@cache
def few_words(name: str, most: int = 10**9) -> FewWords:
    assert encoding(name) is not None
    return FewWords(encodings._path(name).read_bytes(), encodings._published(name)["pat_str"], most)


def by_tiktoken(name: str, text: str) -> int:
    tokenizer = encoding(name)
    assert tokenizer is not None
    return len(tokenizer.encode_ordinary(text))


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=30), st.lists(st.sampled_from(WORDS), max_size=5))
def test_the_count_is_that_of_tiktoken(text: str, words: list[str]) -> None:
    whole = text + " ".join(words)
    for name in NAMES:
        assert few_words(name).count(whole) == by_tiktoken(name, whole)


@pytest.mark.parametrize("text", ["naïve", "word " * LONGEST, "\ud800"])
def test_a_text_that_is_long_or_not_ascii_is_left_to_tiktoken(text: str) -> None:
    assert few_words("o200k_base").count(text) is None


def test_when_the_look_ups_are_used_up_tiktoken_counts_on() -> None:
    few = few_words("cl100k_base", MOST)
    texts = [f"word{number} " for number in range(1000, 9000, 19)]
    counts = [few.count(text) for text in texts]
    assert 5 < counts.count(None) < len(counts) - 5
    assert all(count in (None, by_tiktoken("cl100k_base", text)) for count, text in zip(counts, texts, strict=True))
    assert [encodings.length("cl100k_base", text) for text in texts] == [by_tiktoken("cl100k_base", t) for t in texts]


def test_a_short_prompt_loads_no_encoding_and_many_do() -> None:
    code = """
from promptgrid.tokens import encodings
assert encodings.length("o200k_base", "Repeat this number: 5") == 6
assert not encodings._ready
for number in range(200):
    encodings.length("o200k_base", f"the {number}th word of wordlessness{number}")
assert encodings._ready and not encodings._few
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_encoding_that_is_not_known_has_no_lengths() -> None:
    with pytest.raises(LookupError):
        encodings.length("voyage3_base", "a")
