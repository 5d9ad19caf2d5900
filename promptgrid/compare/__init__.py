"""Replies side by side: any axis of a run on rows and columns, filtered, sorted and summed up; two runs as well.

`facts` reads a run as columns, a `View` says what is looked at, `arranged` which rows that leaves and in which order,
and `page` reads the texts of some of them.
"""

from promptgrid.compare.axes import AXES, VARIANT, Axis, Head
from promptgrid.compare.facts import Facts, facts
from promptgrid.compare.pages import Entry, Row, Sample, Tally, page, samples
from promptgrid.compare.rows import Arranged, arranged
from promptgrid.compare.runs import KINDS, Change, Changes, Kind, VariantChange, against
from promptgrid.compare.summary import VariantSummary, summarise, summary, suspicions
from promptgrid.compare.variants import Variant, labels, variant_of
from promptgrid.compare.views import METRICS, SHOWS, Filter, Metric, Show, Sort, View

__all__ = [
    "AXES",
    "KINDS",
    "METRICS",
    "SHOWS",
    "VARIANT",
    "Arranged",
    "Axis",
    "Change",
    "Changes",
    "Entry",
    "Facts",
    "Filter",
    "Head",
    "Kind",
    "Metric",
    "Row",
    "Sample",
    "Show",
    "Sort",
    "Tally",
    "Variant",
    "VariantChange",
    "VariantSummary",
    "View",
    "against",
    "arranged",
    "facts",
    "labels",
    "page",
    "samples",
    "summarise",
    "summary",
    "suspicions",
    "variant_of",
]
