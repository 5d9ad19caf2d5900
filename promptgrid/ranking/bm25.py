"""Ranks texts by BM25 over postings in numpy arrays.

Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"; the weight of a term is
that of Lucene, log(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from promptgrid.ranking.words import pieces, query_terms, run_terms, word_term

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]

K1, B = 1.2, 0.75
_AT_ONCE = 1_000_000  # postings, to need little memory


class _TermIds(dict[str, int]):
    """The number of each term by the words that are written for it: an inflected word is looked up once."""

    def __init__(self) -> None:
        self.terms: defaultdict[str, int] = defaultdict(count().__next__)

    def __missing__(self, word: str) -> int:
        self[word] = number = self.terms[word_term(word)]
        return number


class BM25:
    """The postings of some texts: for each term the numbers of the texts that hold it, with how much it adds to the
    score of each. A text is named by its number, from 0."""

    def __init__(self, texts: Iterable[str]) -> None:
        import numpy as np

        ids, flat, ends = _TermIds(), array("i"), array("i", [0])
        for text in texts:
            words, runs = pieces(text)
            flat.extend(map(ids.__getitem__, words))
            for run in runs:
                flat.extend(map(ids.terms.__getitem__, run_terms(run)))
            ends.append(len(flat))
        self._ids: dict[str, int] = dict(ids.terms)
        self.size = len(ends) - 1
        places: NDArray[Any] = np.frombuffer(ends, np.int32)
        lengths = places[1:] - places[:-1]
        mean = float(lengths.mean()) if len(flat) else 1.0
        self._ends, self._texts, frequencies = _by_term(flat, ends, len(ids.terms))
        self._gains = _gains(frequencies, self._texts, K1 * (1 - B + B * lengths / mean))

    def scores(self, query: str) -> Scores:
        """Returns the score of each text for the query: 0 for a text that holds none of its terms. The
        commonest English words of a query are left out, and a term that stands twice in it counts twice."""
        import numpy as np

        scores = np.zeros(self.size, np.float32)
        for word, times in Counter(query_terms(query)).items():
            term = self._ids.get(word)
            if term is None:
                continue
            start, end = self._ends[term : term + 2].tolist()
            weight = math.log(1 + (self.size - (end - start) + 0.5) / (end - start + 0.5))
            scores[self._texts[start:end]] += np.float32(times * weight) * self._gains[start:end]
        return scores


def _by_term(flat: array[int], ends: array[int], terms: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Turns the terms of each text round. `flat` has the numbers of the terms of all texts, and `ends` where each text
    begins in it, and last its length. Returns for each term where its postings begin (and last their number), the text
    of each posting in the order of texts, and how often the text has the term."""
    import numpy as np
    from scipy.sparse import csr_matrix

    places = np.frombuffer(ends, np.int32)
    longest = int(np.diff(places).max(initial=0))
    ones = np.ones(len(flat), np.min_scalar_type(longest))
    numbers = np.frombuffer(flat, np.int32) if flat else np.zeros(0, np.int32)
    matrix = csr_matrix((ones, numbers, places), shape=(len(ends) - 1, terms))
    matrix.sum_duplicates()
    columns = matrix.tocsc()
    return columns.indptr, columns.indices, columns.data


def _gains(frequencies: NDArray[Any], texts: NDArray[Any], norm: NDArray[Any]) -> Scores:
    """Returns what each posting adds to the score of its text, without the weight of the term. `norm` has the part of
    the divisor that is the text's."""
    import numpy as np

    gains = np.empty(len(texts), np.float32)
    for start in range(0, len(texts), _AT_ONCE):
        lot = slice(start, start + _AT_ONCE)
        frequency = frequencies[lot].astype(np.float64)
        gains[lot] = frequency * (K1 + 1) / (frequency + norm[texts[lot]])
    return gains
