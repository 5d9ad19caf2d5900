"""Why an answer from documents is wrong: by its gold, what was retrieved, and whether the gold alone would have helped.

The retriever *oracle* shows the gold passages and nothing else. Where its answer to the same case is right, the model
can read the passage, so a wrong answer among other passages did not use it; where its answer is wrong too, the model
misreads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from promptgrid.documents.chunks import Passage
from promptgrid.documents.measures import merged

Cause = Literal["not in the documents", "not retrieved", "retrieved, not used", "misread", "retrieved, still wrong"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
"""In the order of the way from documents to answer; the last stands for the two before where no oracle tells."""

ENOUGH = 0.5  # share of the gold characters: a chunk's border may cut a few words off


def cause(gold: Sequence[Passage], shown: Iterable[Passage], oracle_right: bool | None) -> Cause:
    """Returns why an answer is wrong. `gold` are the passages that answer the question (none: no document does),
    `shown` those in the prompt, `oracle_right` whether the answer from the gold alone is right (None: there is none).
    """
    if not gold:
        return "not in the documents"
    if held(gold, shown) < ENOUGH:
        return "not retrieved"
    if oracle_right is None:
        return "retrieved, still wrong"
    return "retrieved, not used" if oracle_right else "misread"


def held(gold: Iterable[Passage], shown: Iterable[Passage]) -> float:
    """Returns the share of the gold characters that the shown passages hold together; 0 without gold."""
    wanted, there = merged(gold), merged(shown)
    size = sum(end - start for ranges in wanted.values() for start, end in ranges)
    common = sum(
        max(0, min(end, other_end) - max(start, other_start))
        for document, ranges in wanted.items()
        for start, end in ranges
        for other_start, other_end in there.get(document, ())
    )
    return common / size if size else 0.0
