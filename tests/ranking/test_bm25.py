"""BM25 against its formula, and the terms that it counts."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from promptgrid.ranking.bm25 import BM25
from promptgrid.ranking.orders import best, fused
from promptgrid.ranking.words import query_terms, terms


def reference(query: str, texts: list[str]) -> list[float]:
    """The formula as it is printed, text by text."""
    words = [terms(text) for text in texts]
    mean = sum(map(len, words)) / len(words)
    scores = []
    for mine in words:
        score = 0.0
        for term in terms(query):
            n = sum(term in other for other in words)
            f = mine.count(term)
            idf = math.log(1 + (len(words) - n + 0.5) / (n + 0.5))
            score += idf * f * 2.2 / (f + 1.2 * (0.25 + 0.75 * len(mine) / mean))
        scores.append(score)
    return scores


def test_scores_are_those_of_the_formula() -> None:
    rng = random.Random(1)
    words = [f"w{number}" for number in range(30)] + list("渡船票价小岛")
    texts = [" ".join(rng.choices(words, k=rng.randint(0, 20))) for _ in range(60)]
    index = BM25(texts)
    for _ in range(20):
        query = " ".join(rng.choices([*words, "unknown"], k=5))
        assert index.scores(query) == pytest.approx(reference(query, texts), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("texts", [[], [""], ["", "..."]])
def test_texts_without_words_score_nothing(texts: list[str]) -> None:
    assert BM25(texts).scores("any word").tolist() == [0.0] * len(texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Ferry's FERRIES, buses; glass 3.50", "the ferry ferry buse glass 3 50"),
        ("渡船９点 open", "渡 船 渡船 9 点 open"),
        ("x's's ’s captain's", "x s s captain"),
        ("カフェ x_y naïve", "カ フ ェ カフ フェ x y naïve"),
        ("𠮷野", "𠮷 野 𠮷野"),
        ("", ""),
    ],
)
def test_terms_are_words_and_for_chinese_characters_and_pairs(text: str, expected: str) -> None:
    assert Counter(terms(text)) == Counter(expected.split())


def test_the_commonest_words_of_a_question_are_left_out_unless_it_has_no_others() -> None:
    assert query_terms("What does the ferry cost?") == ["ferry", "cost"]
    assert query_terms("To be or not to be") == ["to", "be", "or", "not", "to", "be"]
    assert query_terms("渡船 the") == ["渡", "船", "渡船"]


def test_equal_scores_are_ordered_by_number_whatever_k_is() -> None:
    scores = np.array([1, 3, 0, 3, 1, 1, 3], np.float32)
    for k in range(1, 9):
        assert [number for number, _ in best(scores, k, 0.0)] == [1, 3, 6, 0, 4, 5][:k]


def test_fused_ranks_are_sums_of_reciprocals() -> None:
    one, other = [(7, 9.0), (2, 8.0)], [(2, 0.5), (5, 0.4)]
    assert fused([one, other], 5) == [(2, 1 / 62 + 1 / 61), (7, 1 / 61), (5, 1 / 62)]
    assert fused([[(4, 1.0)], [(3, 1.0)]], 1) == [(3, 1 / 61)]
    assert Counter(dict(fused([], 3))) == Counter()


def test_items_that_are_equal_by_rank_are_ordered_by_their_scores() -> None:
    close, clear = [(1, 9.0), (2, 8.9), (3, 0.0)], [(2, 0.9), (1, 0.3), (3, 0.1)]
    assert [number for number, _ in fused([close, clear], 3)] == [2, 1, 3]
    assert [number for number, _ in fused([clear, close], 3)] == [2, 1, 3]
    assert [number for number, _ in fused([[(2, 1.0)], [(1, 1.0)], []], 3)] == [1, 2]
