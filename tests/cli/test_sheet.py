"""The tables of the command line."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from promptgrid.cli.sheet import summary_table, table
from promptgrid.compare import VariantSummary


def variant(label: str, unread: int) -> VariantSummary:
    values: dict[str, Any] = {field.name: None for field in fields(VariantSummary)}
    counts = {"cells": 18, "answered": 18, "unread": unread, "score": 0.5, "scored": 18 - unread, "distinct": 2, "k": 0}
    return VariantSummary(**values | counts | {"head": SimpleNamespace(label=label)})


def test_the_unread_replies_stand_beside_the_score_where_there_are_any() -> None:
    head, first, second = summary_table([variant("t = 0", 0), variant("t = 0.4", 5)]).splitlines()
    assert head.split()[:6] == ["variant", "answered", "unread", "score", "of", "cases"]
    assert first.split() == ["t", "=", "0", "18/18", "50", "%", "18", "2"]
    assert second.split() == ["t", "=", "0.4", "18/18", "5", "50", "%", "13", "2"]
    assert "unread" not in summary_table([variant("t = 0", 0)])


def test_a_table_wider_than_the_terminal_comes_in_parts_with_the_first_column() -> None:
    rows = [["a", "1", "22", "333"], ["bb", "4", "5", "6"]]
    header = ["name", "one", "two", "three"]
    assert "\n\n" not in table(header, rows, room=23)
    assert table(header, rows, room=15).split("\n\n") == [
        "name  one  two\na       1   22\nbb      4    5",
        "name  three\na       333\nbb        6",
    ]
    assert table(header, rows, room=1).count("\n\n") == 2  # at least one column beside the first
