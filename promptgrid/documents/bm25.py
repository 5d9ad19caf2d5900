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
from typing import TYPE_CHECKING

from promptgrid.documents.words import query_terms, terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]

K1, B = 1.2, 0.75


class BM25:
    """The postings of some texts: for each term the numbers of the texts that hold it, with how much it adds to the
    score of each. A text is named by its number, from 0."""

    def __init__(self, texts: Iterable[str]) -> None:
        import numpy as np

        ids: defaultdict[str, int] = defaultdict(count().__next__)
        flat, lengths = array("i"), array("i")
        for text in texts:
            words = terms(text)
            lengths.append(len(words))
            flat.extend(map(ids.__getitem__, words))
        self._ids: dict[str, int] = dict(ids)
        self.size = len(lengths)
        length = np.array(lengths, np.int32)
        numbers = np.repeat(np.arange(self.size, dtype=np.int64), length)
        pairs, frequency = np.unique(np.array(flat, np.int64) * max(self.size, 1) + numbers, return_counts=True)
        by_term, self._texts = pairs // max(self.size, 1), (pairs % max(self.size, 1)).astype(np.int32)
        self._ends = np.cumsum(np.bincount(by_term, minlength=len(ids)))
        norm = K1 * (1 - B + B * length / (length.mean() if self.size and length.any() else 1.0))
        self._gains = (frequency * (K1 + 1) / (frequency + norm[self._texts])).astype(np.float32)

    def scores(self, query: str) -> Scores:
        """Returns the score of each text for the query: 0 for a text that holds none of its terms. The
        commonest English words of a query are left out, and a term that stands twice in it counts twice."""
        import numpy as np

        scores = np.zeros(self.size, np.float32)
        for word, times in Counter(query_terms(query)).items():
            term = self._ids.get(word)
            if term is None:
                continue
            start, end = int(self._ends[term - 1]) if term else 0, int(self._ends[term])
            weight = math.log(1 + (self.size - (end - start) + 0.5) / (end - start + 0.5))
            scores[self._texts[start:end]] += np.float32(times * weight) * self._gains[start:end]
        return scores
