"""Replies side by side: a matrix of cases × variants, filters over it, and a summary per variant."""

from promptgrid.compare.filters import SHOWS, Filter, Show
from promptgrid.compare.matrix import Entry, Matrix, MatrixCase, is_failed, is_wrong, matrix, matrix_of
from promptgrid.compare.samples import Sample
from promptgrid.compare.summary import VariantSummary, summarise, summary, suspicions
from promptgrid.compare.variants import Variant, labels, variant_of

__all__ = [
    "SHOWS",
    "Entry",
    "Filter",
    "Matrix",
    "MatrixCase",
    "Sample",
    "Show",
    "Variant",
    "VariantSummary",
    "is_failed",
    "is_wrong",
    "labels",
    "matrix",
    "matrix_of",
    "summarise",
    "summary",
    "suspicions",
    "variant_of",
]
