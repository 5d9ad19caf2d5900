"""The difference of any two texts is these two texts, whole or cut as it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from promptgrid.compare.words_diff import WordsDiff, words_diff
from tests.fuzz.inputs import FUZZ

TEXT = st.text(alphabet="ab \n,.好评é\U0001f600\ud800\x00", max_size=40)


def sides(diff: WordsDiff) -> tuple[str, str]:
    first = "".join(part.text for part in diff.parts if part.kind != "added")
    second = "".join(part.text for part in diff.parts if part.kind != "removed")
    return first, second


@FUZZ
@given(TEXT, TEXT)
def test_the_parts_are_the_two_texts(first: str, second: str) -> None:
    diff = words_diff(first, second)
    assert sides(diff) == (first, second)
    assert diff.equal == (first == second)
    assert all(part.text for part in diff.parts)


@FUZZ
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
