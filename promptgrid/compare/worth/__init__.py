"""What each variant of a run is worth: what it costs per answer, per correct answer and per further correct one, beside
self-consistency with as many tokens."""

from promptgrid.compare.worth.figures import FairComparison, Worth, column_worth, worth
from promptgrid.compare.worth.offers import fair_plan
from promptgrid.compare.worth.sums import CostUnit

__all__ = ["CostUnit", "FairComparison", "Worth", "column_worth", "fair_plan", "worth"]
