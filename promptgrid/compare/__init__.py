"""Compares replies side by side: any axis of a run on rows and columns, filtered, sorted and summarised; also two runs.

`facts` reads a run as columns, a `View` states which part of it is shown, `comparison_rows` selects and sorts the rows
of that view, and `page` reads the texts of some of these rows.
"""

from promptgrid.compare.axes import AXES, VARIANT, Axis, Head
from promptgrid.compare.facts import Facts, facts
from promptgrid.compare.pages import AnswerTally, ComparisonRow, PooledCell, Sample, page, samples
from promptgrid.compare.parts import by_check, of_cases, part_facts, part_votes
from promptgrid.compare.rows import ComparisonRows, comparison_rows
from promptgrid.compare.runs import KINDS, Change, ChangeKind, Changes, VariantChange, against
from promptgrid.compare.summary import VariantSummary, count_differences, run_remarks, summarise, summary
from promptgrid.compare.variants import Variant, labels, variant_of
from promptgrid.compare.views import METRICS, SHOWS, Filter, Metric, ShowFilter, Sort, View
