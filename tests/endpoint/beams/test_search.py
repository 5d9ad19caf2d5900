"""The search is pure: it is compared with the best of all texts of a small vocabulary, written out one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.endpoint.base import BeamPath, TokenChance
from promptgrid.endpoint.beams.search import Search, SearchSettings, search_settings
from promptgrid.prompt import Parameters

WORDS = (b"", b"a", b"b")  # the first ends the text
EMPTY = BeamPath()
Weights = dict[tuple[int, ...], Sequence[float]]


def chances(weights: Weights, ids: tuple[int, ...]) -> tuple[TokenChance, ...]:
    """The distribution after the tokens `ids`: that of the last two if it has one of its own, the likeliest first."""
    own = weights.get(ids[-2:], weights[()])
    total = sum(own)
    tokens = [
        TokenChance(data, math.log(weight / total), at)
        for at, (data, weight) in enumerate(zip(WORDS, own, strict=True))
    ]
    return tuple(sorted(tokens, key=lambda token: -token.logprob))


def searched(weights: Weights, settings: SearchSettings) -> Search:
    search = Search(settings)
    while not search.done:
        ids = [tuple(token.id or 0 for token in path.tokens) for path in search.running]
        search = search.advanced([chances(weights, one) for one in ids])
    return search


def all_texts(weights: Weights, most: int, path: BeamPath = EMPTY) -> Iterator[BeamPath]:
    """Every text of at most `most` tokens: it ends by the token that ends it, or is as long as it may be."""
    if path.ended or len(path.tokens) == most:
        yield path
        return
    for token in chances(weights, tuple(one.id or 0 for one in path.tokens)):
        yield from all_texts(
            weights, most, BeamPath((*path.tokens, token), path.logprob + token.logprob, not token.data)
        )


DISTRIBUTION = st.tuples(*[st.integers(1, 99)] * len(WORDS))
CONTEXTS = st.tuples() | st.tuples(st.integers(1, 2)) | st.tuples(st.integers(1, 2), st.integers(1, 2))
WEIGHTS = st.dictionaries(CONTEXTS, DISTRIBUTION, max_size=7).flatmap(
    lambda some: DISTRIBUTION.map(lambda usual: {(): usual, **some})
)
PENALTIES = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0])


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 4), PENALTIES)
def test_a_search_as_wide_as_the_texts_are_many_finds_the_best_of_all(
    weights: Weights, most: int, penalty: float
) -> None:
    search = searched(weights, SearchSettings(len(WORDS) ** most, most, penalty))
    every = sorted((search.score(path) for path in all_texts(weights, most)), reverse=True)
    assert [search.score(path) for path in search.finished] == pytest.approx(every[: len(search.finished)])


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 4), st.integers(1, 4), PENALTIES, st.booleans())
def test_each_beam_is_a_text_of_the_model_with_its_probability_the_best_first(
    weights: Weights, width: int, most: int, penalty: float, early_stop: bool
) -> None:
    search = searched(weights, SearchSettings(width, most, penalty, early_stop))
    every = {tuple(token.id for token in path.tokens): path.logprob for path in all_texts(weights, most)}
    texts = [tuple(token.id for token in path.tokens) for path in search.finished]
    assert 1 <= len(texts) == len(set(texts)) <= width
    assert [path.logprob for path in search.finished] == pytest.approx([every[text] for text in texts])
    assert [beam.score for beam in search.beams] == sorted((beam.score or 0.0 for beam in search.beams), reverse=True)


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 4))
def test_one_beam_with_early_stop_is_greedy(weights: Weights, most: int) -> None:
    ids: tuple[int, ...] = ()
    while len(ids) < most and 0 not in ids:
        ids += (chances(weights, ids)[0].id or 0,)
    (best,) = searched(weights, SearchSettings(1, most, early_stop=True)).finished
    assert tuple(token.id for token in best.tokens) == ids


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 4), PENALTIES)
def test_without_early_stop_no_beam_is_worse(weights: Weights, width: int, penalty: float) -> None:
    late, early = (searched(weights, SearchSettings(width, 4, penalty, stop)) for stop in (False, True))
    assert late.score(late.finished[0]) >= early.score(early.finished[0]) - 1e-9


USUAL: Weights = {(): (30, 40, 30), (1,): (80, 10, 10), (2,): (1, 1, 98)}


@pytest.mark.parametrize(("penalty", "length"), [(0.0, 2), (2.0, 4)])
def test_a_length_penalty_favours_long_texts(penalty: float, length: int) -> None:
    weights: Weights = {(): (5, 60, 35), (1,): (90, 5, 5), (2,): (3, 2, 95), (2, 2): (30, 2, 68)}
    best = searched(weights, SearchSettings(9, 4, penalty)).finished[0]
    assert len(best.tokens) == length


def test_early_stop_ends_the_search_when_as_many_texts_as_beams_have_ended() -> None:
    early, late = (searched(USUAL, SearchSettings(2, 6, 1.0, stop)) for stop in (True, False))
    assert max(len(path.tokens) for path in early.finished) < max(len(path.tokens) for path in late.finished)


def test_a_stop_text_ends_a_beam_and_is_not_part_of_it() -> None:
    settings = search_settings(Parameters(beams=2, max_tokens=5, stop=("ab",)))
    search = Search(settings)
    for data in (b"xa", b"bc"):
        search = search.advanced([[TokenChance(data, -0.5, 1)] for _ in search.running])
    (beam,) = search.beams
    assert (beam.text, beam.tokens, beam.logprob, beam.score, beam.ended) == ("x", 2, -1.0, -0.5, True)
    assert not search.running


def test_a_character_of_several_tokens_is_whole_in_the_text() -> None:
    search = Search(SearchSettings(1, 2))
    for data in ("我".encode()[:2], "我".encode()[2:]):
        search = search.advanced([[TokenChance(data, -0.1, 7)]])
    assert search.beams[0].text == "我"
