"""Two texts word by word: nothing is lost, little is torn, and a megabyte takes no minute."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.compare.words_diff import DiffSpan, WordsDiff, words_diff

TEXT = st.text(alphabet="ab \n,.好评é\U0001f600\ud800\x00", max_size=40)


def sides(diff: WordsDiff) -> tuple[str, str]:
    first = "".join(part.text for part in diff.parts if part.kind != "added")
    second = "".join(part.text for part in diff.parts if part.kind != "removed")
    return first, second


@given(TEXT, TEXT)
def test_the_parts_are_the_two_texts(first: str, second: str) -> None:
    diff = words_diff(first, second)
    assert sides(diff) == (first, second)
    assert diff.equal == (first == second)
    assert all(part.text for part in diff.parts)


@given(TEXT, TEXT, st.integers(0, 5))
def test_what_is_cut_is_told_in_characters(first: str, second: str, most: int) -> None:
    diff = words_diff(first, second, most)
    a, b = sides(diff)
    assert diff.compared in (None, (len(a), len(b)))
    assert first.startswith(a)
    assert second.startswith(b)
    if diff.compared is None:
        assert (a, b) == (first, second)
    else:
        assert not diff.equal


def test_a_sentence_is_not_torn_by_the_spaces_that_both_have() -> None:
    diff = words_diff("The review is positive, I think.", "The review seems quite negative.")
    assert list(diff.parts) == [
        DiffSpan("same", "The review "),
        DiffSpan("removed", "is positive, I think"),
        DiffSpan("added", "seems quite negative"),
        DiffSpan("same", "."),
    ]
    assert (diff.words("removed"), diff.words("added")) == (4, 3)


def test_words_that_moved_little_are_found_again() -> None:
    diff = words_diff("one two three four", "one two and three four")
    assert [part.text for part in diff.parts if part.kind == "added"] in (["and "], [" and"])
    assert not diff.words("removed")


def test_without_spaces_characters_are_the_words() -> None:
    assert list(words_diff("评论很好", "评论不好").parts) == [
        DiffSpan("same", "评论"),
        DiffSpan("removed", "很"),
        DiffSpan("added", "不"),
        DiffSpan("same", "好"),
    ]


@pytest.mark.parametrize("second", ["y " * 500_000, "x " * 499_999 + "y", "", "a" * 1_000_000])
def test_a_megabyte_is_compared_in_seconds(second: str) -> None:
    first = "x " * 500_000
    started = time.monotonic()
    diff = words_diff(first, second)
    assert time.monotonic() - started < 10
    assert not diff.equal
    a, b = sides(diff)
    assert first.startswith(a)
    assert second.startswith(b)
