"""What is looked up for the cells of a plan.

A plan that retrieves has its contexts beside its cases; the room `documents` finds them when the plan is made, the
store keeps them with the run, so that a resumed run sends the same. Results of tools that are computed from vectors of
words need no such store: the same vectors are found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from promptgrid.cases.table import Case
from promptgrid.errors import DocumentsError
from promptgrid.prompt import Parameters
from promptgrid.prompt.retrieval import CHUNKS, CONTEXT, GOLD, QUESTION, QUOTE
from promptgrid.prompt.tools import NearestWords
from promptgrid.techniques.passages import Context, Passages


class Contexts(Protocol):
    """Finds what is retrieved for the cases of a plan. `notes` are sentences on what may be wrong with it."""

    notes: Sequence[str]

    def passages(self, parameters: Parameters, case: Case) -> Passages:
        """Returns the passages for the case by these parameters of retrieval: in the order of the prompt, or the best
        first, if a model has still to decide (see `retrieval_calls`). Raises DocumentsError, StoreError."""

    def search(self, parameters: Parameters, case: Case, queries: Sequence[str]) -> Context:
        """Returns what these `queries`, fused, find for the case, the best first, under a `context_id`. Raises
        DocumentsError, StoreError, and what an embedder's endpoint raises."""


class Vectors(Protocol):
    """Computes with vectors of texts. `notes` are sentences on what may be wrong with it."""

    notes: Sequence[str]

    def nearest(self, nearest: NearestWords, arguments: Mapping[str, Any]) -> str | None:
        """Returns the words nearest to the sum that a call with these arguments asks for, or a sentence on what is
        wrong with the arguments; None if the embedder is missing."""

    def cosines(self, embedder: str, texts: Sequence[str], query: str) -> Sequence[float] | None:
        """Returns the cosine of each of the texts with the query; None if their vectors are not made yet. Raises
        DocumentsError."""


def query_of(case: Case) -> str:
    """Returns the text that is searched for: the input `question`, or else the first one that is no gold. Raises
    DocumentsError if the case has none."""
    names = [name for name in case.inputs if name not in (GOLD, QUOTE, CONTEXT, CHUNKS)]
    if not names:
        hint = f"Give the cases a column {QUESTION}: its text is searched for."
        raise DocumentsError(f"Case {case.id} has no input to search for.", hint=hint)
    return str(case.inputs[QUESTION if QUESTION in names else names[0]])
