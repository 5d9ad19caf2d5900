"""Chooses which of a prompt's examples a few-shot prompt shows for a case, and in which order. Pure."""

from promptgrid.fewshot.chooser import Chooser, ShownExamples, shown_indices, with_shown
from promptgrid.fewshot.pool import pooled
from promptgrid.fewshot.settings import NO_EXAMPLES, Order, Selector, effective, embedders_of, with_defaults

__all__ = [
    "NO_EXAMPLES",
    "Chooser",
    "Order",
    "Selector",
    "ShownExamples",
    "effective",
    "embedders_of",
    "pooled",
    "shown_indices",
    "with_defaults",
    "with_shown",
]
