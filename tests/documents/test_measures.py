"""Measures by hand and as `pytrec_eval` gave them; benchmarks/retrieval.py compares them on random runs."""

from __future__ import annotations

import random

import pytest

from promptgrid.documents.chunkers import Chunker, chunks
from promptgrid.documents.chunks import Chunk, Passage
from promptgrid.documents.measures import measured, merged, ndcg, reciprocal_rank
from tests.documents.made import stored

DOCUMENT = stored("0123456789" * 10)


def cut(*ranges: tuple[int, int]) -> list[Chunk]:
    return [Chunk(DOCUMENT, start, end, (end - start) // 5) for start, end in ranges]


def gold(*ranges: tuple[int, int]) -> list[Passage]:
    return [Passage("a.txt", start, end) for start, end in ranges]


def test_gold_that_crosses_a_border_is_found_in_parts() -> None:
    tens = cut(*((start, start + 10) for start in range(0, 100, 10)))
    one = measured([tens[3], tens[1], tens[2]], gold((15, 35)), tens, 2)
    assert (one.hit, one.recall, one.precision, one.reciprocal_rank, one.tokens) == (1.0, 0.5, 0.5, 1.0, 4)
    assert one.ndcg == pytest.approx((5 + 5 / 1.5849625007211562) / (10 + 5 / 1.5849625007211562))
    assert measured([tens[0], *tens], gold((15, 35)), tens, 20).recall == 1.0


def test_a_character_that_is_retrieved_twice_counts_once_as_gold() -> None:
    one = measured(cut((0, 20), (10, 30)), gold((10, 20)), cut((0, 20), (10, 30)), 2)
    assert (one.recall, one.precision) == (1.0, 0.25)


def test_overlapping_gold_is_one_passage() -> None:
    assert merged([*gold((5, 9), (0, 6), (20, 30)), Passage("b", 1, 2)]) == {"a.txt": [(0, 9), (20, 30)], "b": [(1, 2)]}


def test_a_question_without_gold_is_not_measured_and_nothing_retrieved_is_no_hit() -> None:
    assert measured(cut((0, 10)), [], cut((0, 10)), 5).recall is None
    nothing = measured([], gold((0, 5)), cut((0, 10)), 5)
    assert (nothing.hit, nothing.recall, nothing.precision, nothing.reciprocal_rank) == (0.0, 0.0, None, 0.0)
    assert (nothing.ndcg, nothing.tokens) == (0.0, 0)


def test_every_chunker_is_measured_by_the_same_gold() -> None:
    document = stored("One two three. Four five six. " * 40)
    passage = [Passage("a.txt", 100, 160)]
    for kind in ("tokens", "sentences", "recursive"):
        all_of_them = chunks(document, Chunker(kind, 16, 4))
        one = measured(all_of_them, passage, all_of_them, len(all_of_them))
        assert (one.hit, one.recall) == (1.0, 1.0)


def test_recall_and_precision_are_those_of_sets_of_characters() -> None:
    rng = random.Random(3)
    for _ in range(200):
        some = cut(*sorted((s, s + rng.randint(1, 30)) for s in rng.choices(range(70), k=6)))
        rng.shuffle(some)
        passages = gold(*((s, s + rng.randint(1, 20)) for s in rng.choices(range(80), k=3)))
        k = rng.randint(1, 6)
        wanted = {at for one in passages for at in range(one.start, one.end)}
        read = [at for one in some[:k] for at in range(one.start, one.end)]
        one = measured(some, passages, some, k)
        assert one.recall == pytest.approx(len(wanted & set(read)) / len(wanted))
        assert one.precision == pytest.approx(len(wanted & set(read)) / len(read))


@pytest.mark.parametrize(
    ("gains", "ideal", "k", "expected_ndcg", "expected_rr"),
    [
        ([0, 3, 0, 1, 2], [3, 2, 2, 1], 5, 0.5440758561341078, 0.5),
        ([2, 0, 0], [3, 2, 1], 3, 0.42000399150792816, 1.0),
        ([0, 0], [1], 2, 0.0, 0.0),
    ],
)
def test_ndcg_and_reciprocal_rank_are_those_of_pytrec_eval(
    gains: list[float], ideal: list[float], k: int, expected_ndcg: float, expected_rr: float
) -> None:
    assert ndcg(gains, ideal, k) == pytest.approx(expected_ndcg, abs=1e-12)
    assert reciprocal_rank(gains) == expected_rr
