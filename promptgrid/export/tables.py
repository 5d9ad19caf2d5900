"""Small tables for the ways out that people read: workbook, report, Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Headers, and rows of as many values each: text, numbers, bools, None."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
