"""Defines plans and unrolls them into points."""

from promptgrid.grid.plan import MAX_CONCURRENCY, MAX_SAMPLES, Plan
from promptgrid.grid.points import Point, points
from promptgrid.grid.variants import Decided, Skipped, WireVariant, decide, skipped
