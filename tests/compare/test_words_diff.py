"""Two texts word by word: nothing is lost, little is torn, and a megabyte takes no minute."""

from __future__ import annotations

import time

import pytest

from promptgrid.compare.words_diff import DiffSpan, words_diff


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
    a, b = ("".join(part.text for part in diff.parts if part.kind != other) for other in ("added", "removed"))
    assert first.startswith(a)
    assert second.startswith(b)
