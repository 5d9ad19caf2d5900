"""What the variants of a run retrieve, how well, and why answers from documents are wrong."""

from promptgrid.compare.retrieval.summary import RetrievalSummary, causes_note, retrieval_summary, retrieval_words

__all__ = ["RetrievalSummary", "causes_note", "retrieval_summary", "retrieval_words"]
