"""A plan and the points that it unrolls into."""

from promptgrid.grid.plan import MAX_CONCURRENCY, MAX_SAMPLES, Plan
from promptgrid.grid.points import Decided, Point, Skipped, WireVariant, decide, points, skipped

__all__ = [
    "MAX_CONCURRENCY",
    "MAX_SAMPLES",
    "Decided",
    "Plan",
    "Point",
    "Skipped",
    "WireVariant",
    "decide",
    "points",
    "skipped",
]
