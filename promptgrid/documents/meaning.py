"""Looks at vectors of words and sentences: points in a plane, nearest neighbours, a − b + c, and cosines. Pure.

Vectors have the length 1, as `embedders.embed` returns them. Sources: Pearson 1901 (principal components); Mikolov and
others 2013, "Linguistic Regularities in Continuous Space Word Representations" (a − b + c by cosine, without the three
words themselves).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from promptgrid.errors import DocumentsError
from promptgrid.ranking.orders import Ranked, best
from promptgrid.suggestions import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from promptgrid.documents.embedders import Matrix

    Vectors = NDArray[np.float64]

MOST_TEXTS = 2_000


@dataclass(frozen=True, slots=True)
class Projection:
    """Texts as points of a plane: (x, y) of each, and the shares of the vectors' variance that the two axes keep."""

    points: Sequence[tuple[float, float]]
    shares: tuple[float, float]


class Meanings:
    """Texts, each with its vector; a text that stands twice counts once."""

    def __init__(self, texts: Sequence[str], matrix: Matrix) -> None:
        import numpy as np

        first = {text: at for at, text in reversed(list(enumerate(texts)))}
        self.texts: Sequence[str] = list(dict.fromkeys(texts))
        rows = matrix[[first[text] for text in self.texts]].astype(np.float64)
        # Stored in 16 bits, they have the length 1 to three digits only.
        self.vectors: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self.vectors.shape[1])

    @cached_property
    def projection(self) -> Projection:
        """The texts in the plane of the two first principal components. Texts that all have the same vector stand at
        (0, 0)."""
        import numpy as np

        centred = self.vectors - self.vectors.mean(axis=0)
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        plane = np.zeros((len(self.texts), 2))
        kept = min(2, len(sizes))
        plane[:, :kept] = left[:, :kept] * sizes[:kept]
        plane *= np.where(plane.sum(axis=0) < 0, -1, 1)  # a component has no sign: the same texts look the same
        whole = float((sizes**2).sum())
        shares = [float(size**2) / whole if whole else 0.0 for size in [*sizes[:2], 0.0, 0.0]]
        return Projection([(float(x), float(y)) for x, y in plane], (shares[0], shares[1]))

    def neighbours(self, text: str, k: int) -> list[tuple[str, float]]:
        """Returns the `k` texts nearest to this one with their cosines, the nearest first, without the text itself.
        Raises DocumentsError if it is not among the texts."""
        return self.combined([text], [], k)

    def analogy(self, a: str, b: str, c: str, k: int) -> list[tuple[str, float]]:
        """Returns the `k` texts nearest to a − b + c with their cosines, the nearest first, without the three. Raises
        DocumentsError if one of them is not among the texts."""
        return self.combined([a, c], [b], k)

    def combined(self, plus: Sequence[str], minus: Sequence[str], k: int) -> list[tuple[str, float]]:
        """Returns the `k` texts nearest to the sum of the texts `plus` less the texts `minus`, with their cosines, the
        nearest first, without these texts. Raises DocumentsError if one of them is not among the texts."""
        import numpy as np

        vector = np.sum([*map(self.vector, plus), *(-self.vector(text) for text in minus)], axis=0)
        vector /= np.linalg.norm(vector) or 1.0
        without = {*plus, *minus}
        ranked: Ranked = best(self.vectors @ vector, k + len(without))
        return [(self.texts[at], score) for at, score in ranked if self.texts[at] not in without][:k]

    def cosine(self, a: str, b: str) -> float:
        """Returns the cosine of the vectors of two of the texts."""
        return float(self.vector(a) @ self.vector(b))

    def rank(self, a: str, b: str) -> int:
        """Returns how near `b` is to `a` among the texts: 1 if it is the nearest one."""
        nearer = self.vectors @ self.vector(a) > self.cosine(a, b)
        return int(nearer.sum()) - int(nearer[self.texts.index(a)]) + 1

    def vector(self, text: str) -> Vectors:
        """Returns the vector of one of the texts. Raises DocumentsError if it is none of them."""
        if text not in self.texts:
            raise DocumentsError(f"{text!r} is not among the texts.", hint=did_you_mean(text, self.texts))
        row: Vectors = self.vectors[self.texts.index(text)]
        return row


def texts_of(text: str) -> list[str]:
    """Returns the words or sentences that stand one per line, without blank lines. Raises DocumentsError for more than
    2,000."""
    lines = list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))
    if len(lines) > MOST_TEXTS:
        raise DocumentsError(f"{len(lines):,} texts are more than {MOST_TEXTS:,}.", hint="Leave some out.")
    return lines
