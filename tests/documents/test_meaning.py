"""Points, neighbours, a − b + c and cosines of plain vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from promptgrid.documents.meaning import MOST_TEXTS, Meanings, texts_of
from promptgrid.errors import DocumentsError

# Royal, male, and a common part that makes all cosines high, as embedders do.
WORDS = {"king": (1, 1, 3), "queen": (1, -1, 3), "man": (0, 1, 3), "woman": (0, -1, 3), "tree": (-2, 0, 3)}


def meanings(words: Mapping[str, tuple[int, ...]]) -> Meanings:
    rows = np.array(list(words.values()), np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return Meanings(list(words), (rows / np.where(lengths, lengths, 1)).astype(np.float16))


def test_king_less_man_and_woman_is_queen() -> None:
    names = meanings(WORDS)
    assert [text for text, _ in names.analogy("king", "man", "woman", 2)] == ["queen", "tree"]


def test_neighbours_come_nearest_first_without_the_word_itself() -> None:
    names = meanings(WORDS)
    (first, cosine), *rest = names.neighbours("king", 9)
    assert (first, len(rest)) == ("man", 3)
    assert cosine == pytest.approx(names.cosine("king", "man"))
    assert [names.rank("king", text) for text, _ in [(first, 0), *rest]] == [1, 2, 3, 4]
    assert cosine == pytest.approx(10 / (11**0.5 * 10**0.5), abs=1e-3)


def test_the_plane_keeps_the_variance_that_it_says() -> None:
    projection = meanings(WORDS).projection
    rows = meanings(WORDS).vectors
    centred = rows - rows.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    assert projection.shares == pytest.approx(values[:2] / values.sum())
    spread = np.array(projection.points).var(axis=0) * len(rows)
    assert spread == pytest.approx(values[:2])
    assert sum(projection.shares) > 0.95


@pytest.mark.parametrize("words", [{"a": (1, 0)}, {"a": (1, 0), "b": (1, 0)}, {"": (0, 0), "b": (0, 0)}])
def test_texts_without_a_difference_stand_in_the_middle(words: Mapping[str, tuple[int, ...]]) -> None:
    projection = meanings(words).projection
    assert projection.points == [(0.0, 0.0)] * len(words)
    assert projection.shares == (0.0, 0.0)


def test_a_text_that_stands_twice_counts_once_and_an_unknown_one_is_named() -> None:
    twice = Meanings(["a", "b", "a"], np.eye(3, dtype=np.float16))
    assert (twice.texts, twice.dimension, twice.cosine("a", "b")) == (["a", "b"], 3, 0.0)
    with pytest.raises(DocumentsError, match="'kin' is not among the texts"):
        meanings(WORDS).neighbours("kin", 1)


def test_texts_stand_one_a_line_up_to_a_limit() -> None:
    assert texts_of(" king \n\n国王\r\nking\n") == ["king", "国王"]
    with pytest.raises(DocumentsError, match="more than 2,000"):
        texts_of("\n".join(map(str, range(MOST_TEXTS + 1))))
