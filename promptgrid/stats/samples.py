"""Measures several samples of one case: the chance that one of them passes, and their similarity."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from statistics import fmean

COMPARED = 2_000  # characters of each text that are compared; the time grows with their square
PAIRS = 200


def pass_at_k(n: int, c: int, k: int) -> float | None:
    """Returns the chance that at least one of `k` samples passes when `c` of `n` did; None where k is not from 1 to n.

    This is the unbiased estimate of M. Chen et al., "Evaluating large language models trained on code" (2021).
    """
    return 1 - math.comb(n - c, k) / math.comb(n, k) if 1 <= k <= n and 0 <= c <= n else None


def entropy(counts: Sequence[int]) -> float | None:
    """Returns the entropy of answers in bits, from the count of each: 0 if all are the same, log2(m) for m equally
    frequent ones, None if there are none.

    Source: C. Shannon, "A mathematical theory of communication" (1948); not corrected for small samples.
    """
    total = sum(counts)
    if total <= 0:
        return None
    return math.fsum(-count / total * math.log2(count / total) for count in counts if 0 < count < total)


def mean_similarity(texts: Sequence[str], *, seed: int = 0, most: int = PAIRS) -> float | None:
    """Returns the similarity of texts, 0 to 1: the mean over their pairs of 1 - edit distance / length of the longer
    text.

    The edit distance is V. Levenshtein's (1966). Only the first 2,000 characters of each text are compared, and at most
    `most` pairs, drawn by `seed`. None for fewer than two texts.
    """
    from rapidfuzz.distance import Levenshtein

    n = len(texts)
    if n < 2:
        return None
    if math.comb(n, 2) <= most:
        pairs = list(itertools.combinations(range(n), 2))
    else:
        draw = random.Random(seed)
        pairs = [(first, second) for first, second in (draw.sample(range(n), 2) for _ in range(most))]
    cut = [text[:COMPARED] for text in texts]
    return fmean(Levenshtein.normalized_similarity(cut[i], cut[j]) for i, j in pairs)
