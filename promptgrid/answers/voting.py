"""Self-consistency: many samples, one answer by majority."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MajorityAnswer:
    """The majority's answer: `votes` of `total` readable answers; `margin` is its lead over the second, 0 to 1."""

    answer: str | None
    votes: int
    total: int
    margin: float


def ballot(answer: str | None) -> int | None:
    """What answers are compared by where their texts are not at hand: 64 bits, signed, the same for the same text."""
    if answer is None:
        return None
    digest = hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def vote(answers: Sequence[str | None]) -> MajorityAnswer:
    """The commonest answer among those that could be read; of equals the one seen first.

    >>> vote(["18", "26", "18", None])
    Vote(answer='18', votes=2, total=3, margin=0.3333333333333333)
    """
    counts = Counter(answer for answer in answers if answer is not None)
    if not counts:
        return MajorityAnswer(None, 0, 0, 0.0)
    (answer, first), (_, second) = [*counts.most_common(2), ("", 0)][:2]
    total = counts.total()
    return MajorityAnswer(answer, first, total, (first - second) / total)
