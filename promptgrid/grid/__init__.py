"""Defines plans and unrolls them into points."""

from promptgrid.grid.plan import MAX_CONCURRENCY, MAX_SAMPLES, Plan
from promptgrid.grid.points import Decided, Point, Skipped, WireVariant, decide, points, skipped
