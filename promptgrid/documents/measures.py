"""Measures what was retrieved against gold, without any model.

A chunk's gain is the number of gold characters in it. Sources: Järvelin and Kekäläinen 2002, "Cumulated gain-based
evaluation of IR techniques" (nDCG with the gain itself and log2); Voorhees 1999, "The TREC-8 Question Answering Track
Report" (MRR).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from promptgrid.documents.chunks import Chunk, Passage

Ranges = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class RetrievalMeasures:
    """How well the first k chunks answer one question. Every measure but `tokens` is None if the question has no gold.

    hit              1 if any of the chunks holds a gold character, else 0
    recall           the share of the gold characters that the chunks hold
    precision        the share of the chunks' characters that are gold; a character that is retrieved again counts as
                     retrieved, not as gold. None if nothing was retrieved
    reciprocal_rank  1 / the rank of the first chunk with gold; 0 if there is none. Its mean is MRR
    ndcg             the discounted gain of the chunks as a share of the best possible one; None if that is not known
    tokens           the tokens of the chunks
    """

    hit: float | None
    recall: float | None
    precision: float | None
    reciprocal_rank: float | None
    ndcg: float | None
    tokens: int


MEASURES = ("hit", "recall", "precision", "reciprocal_rank", "ndcg", "tokens")
"""The names of the measures, in the order of tables."""


def measured(
    retrieved: Sequence[Chunk], gold: Sequence[Passage], candidates: Iterable[Chunk], k: int
) -> RetrievalMeasures:
    """Measures the first `k` of the retrieved chunks, which are given in the order of their ranks. `candidates` are all
    chunks that could have been retrieved: they give the best possible gain."""
    first = [chunk.passage for chunk in retrieved[:k]]
    tokens = sum(chunk.tokens for chunk in retrieved[:k])
    return measured_passages(first, gold, [chunk.passage for chunk in candidates], k, tokens)


def measured_passages(
    first: Sequence[Passage], gold: Sequence[Passage], candidates: Iterable[Passage] | None, k: int, tokens: int = 0
) -> RetrievalMeasures:
    """Measures the passages `first`, at most `k`, which are given in the order of their ranks and have `tokens` tokens.
    Without `candidates` (None) there is no nDCG, which needs all passages that could have been retrieved."""
    ranges = merged(gold)
    size = sum(end - start for one in ranges.values() for start, end in one)
    if not size:
        return RetrievalMeasures(None, None, None, None, None, tokens)
    gains = [gain(passage, ranges) for passage in first]
    ideal = None if candidates is None else sorted((gain(one, ranges) for one in candidates), reverse=True)
    held = _held(first, ranges)
    read = sum(passage.end - passage.start for passage in first)
    return RetrievalMeasures(
        hit=float(any(gains)),
        recall=held / size,
        precision=held / read if read else None,
        reciprocal_rank=reciprocal_rank(gains),
        ndcg=None if ideal is None else ndcg(gains, ideal, k),
        tokens=tokens,
    )


def merged(passages: Iterable[Passage]) -> Ranges:
    """Returns the passages as ranges by document, in order; passages that overlap or touch become one range."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for one in sorted(passages):
        mine = ranges.setdefault(one.document, [])
        if mine and one.start <= mine[-1][1]:
            mine[-1] = (mine[-1][0], max(mine[-1][1], one.end))
        else:
            mine.append((one.start, one.end))
    return ranges


def gain(passage: Passage, gold: Ranges) -> int:
    """Returns the number of gold characters in the passage. `gold` is as `merged` returns it."""
    mine = gold.get(passage.document, ())
    return sum(max(0, min(end, passage.end) - max(start, passage.start)) for start, end in mine)


def reciprocal_rank(gains: Sequence[float]) -> float:
    """Returns 1 / the rank of the first item with a gain above 0; 0 if there is none."""
    return next((1 / rank for rank, one in enumerate(gains, 1) if one > 0), 0.0)


def ndcg(gains: Sequence[float], ideal: Sequence[float], k: int) -> float:
    """Returns the discounted cumulated gain of the first `k` items as a share of the best possible: that of the first
    `k` of `ideal`, the gains of all items, largest first. Returns 0 if no item has a gain."""
    most = _discounted(ideal[:k])
    return _discounted(gains[:k]) / most if most else 0.0


def _discounted(gains: Iterable[float]) -> float:
    return math.fsum(one / math.log2(rank + 1) for rank, one in enumerate(gains, 1))


def _held(passages: Sequence[Passage], gold: Ranges) -> int:
    """Returns the number of gold characters in the passages together, each counted once."""
    held = merged(
        Passage(one.document, max(start, one.start), min(end, one.end))
        for one in passages
        for start, end in gold.get(one.document, ())
        if max(start, one.start) < min(end, one.end)
    )
    return sum(end - start for one in held.values() for start, end in one)
