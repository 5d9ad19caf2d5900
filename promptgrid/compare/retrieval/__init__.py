"""What the variants of a run retrieve, how well, and why answers from documents are wrong."""

from promptgrid.compare.retrieval.faithful import FaithfulSummary, faithful_note, faithful_summary, faithful_words
from promptgrid.compare.retrieval.summary import RetrievalSummary, causes_note, retrieval_summary, retrieval_words
from promptgrid.compare.retrieval.uses import USES_NOTE, UseSummary, use_summary, use_words

__all__ = [
    "USES_NOTE",
    "FaithfulSummary",
    "RetrievalSummary",
    "UseSummary",
    "causes_note",
    "faithful_note",
    "faithful_summary",
    "faithful_words",
    "retrieval_summary",
    "retrieval_words",
    "use_summary",
    "use_words",
]
