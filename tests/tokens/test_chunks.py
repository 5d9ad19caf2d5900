"""The tokens of the parts are the tokens of the whole, whatever the text; and an edit leaves the other parts alone."""

from __future__ import annotations

import functools

import pytest
import tiktoken
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tiktoken_ext.openai_public import r50k_pat_str

from promptgrid import tokens
from promptgrid.tokens import chunks as cutting
from promptgrid.tokens.chunks import parts

VOCABULARIES = ["o200k_base", "cl100k_base", "r50k_base"]
# What the patterns tell apart: letters of each kind, marks, digits, signs, every sort of blank
ALPHABET = "aZǅʰªéßЖ我香\u0301\u0e33१1½-!/'s\"<|>🍌\u200d\ufe0f\u00ad\ufeff\x00"
BLANKS = "\x1c\x1f \t\n\r\x0b\x0c\x85\u00a0\u2028\u2029\u3000"
# and what joins across a line, or seems to
WORDS = [
    "'S",
    "'ll",
    "!\n/",
    "/\n/",
    "\n\n",
    " \n",
    "\n ",
    "\r\n",
    "\n\n\n",
    "<|endoftext|>",
    "一\n",
    "\n  \n\n  ",
    "\n  /",
]
ANY = st.characters(exclude_categories=["Cs"])
TEXTS = st.lists(st.sampled_from(ALPHABET) | st.sampled_from(BLANKS) | st.sampled_from(WORDS) | ANY, max_size=60)


@functools.cache
def encode(vocabulary: str) -> tiktoken.Encoding:
    """r50k's file is not on every machine; its pattern with other tokens says the same about cuts."""
    if vocabulary != "r50k_base":
        encoding = tokens.encoding(vocabulary)
        assert encoding is not None
        return encoding
    ranks = encode("cl100k_base")._mergeable_ranks
    return tiktoken.Encoding("r50k pattern", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={})


@pytest.fixture
def _every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """All cuts that are allowed are made."""
    monkeypatch.setattr(cutting, "SHORT", 0)
    monkeypatch.setattr(cutting, "ONE_IN", 1)


@pytest.mark.usefixtures("_every_line")
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=TEXTS)
@example(pieces=["a!\n/b\n/c"])
@example(pieces=["a\n\n\nb\n \nc \n d\n"])
@example(pieces=["a\r\n\r\nb\n\rc\n"])
@example(pieces=["x\n\x1c\ny\n\u2028z"])
@example(pieces=["if x:\n    return\n\n\t # y\n   \n  "])
@example(pieces=["/*\n  /a\n /\n"])
def test_the_tokens_of_the_parts_are_those_of_the_whole(vocabulary: str, pieces: list[str]) -> None:
    text, whole = "".join(pieces), encode(vocabulary)
    text_parts = parts(text, vocabulary)
    assert "".join(text_parts) == text
    assert [token for part in text_parts for token in whole.encode_ordinary(part)] == whole.encode_ordinary(text)


@pytest.mark.usefixtures("_every_line")
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_lines_and_paragraphs_are_cut(vocabulary: str) -> None:
    assert len(parts("One line.\nAnother.\n\nA paragraph.\n\n我喜欢。\n\n香蕉。", vocabulary)) == 5


def test_a_text_without_line_breaks_is_one_part() -> None:
    assert parts("word " * 20_000, "o200k_base") == ["word " * 20_000]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_an_edit_changes_few_parts(vocabulary: str) -> None:
    lines = [f"Line {number}: the quick brown fox" for number in range(3000)]
    before = parts("\n".join(lines), vocabulary)
    lines[1500] += " jumps"
    after = parts("\n".join(lines), vocabulary)
    assert len(after) > 20
    assert len(set(after) - set(before)) <= 3


def test_a_part_does_not_grow_without_end() -> None:
    assert max(map(len, parts("the very same line\n" * 20_000, "o200k_base"))) < 2 * cutting.LONG
