"""The wide form: a row for each case, a column for each variant."""

from __future__ import annotations

import csv
import io
from typing import Any

from promptgrid.export import write_wide_csv
from tests.export.rows import one


def cell(case: str, technique: str, answer: str | None, **more: Any) -> dict[str, Any]:
    fixed = {"prompt": "mood", "model": "small", "temperature": 0.7, "expected": "good", "var.text": f"text {case}"}
    return one(case_id=case, technique=technique, answer=answer, **fixed | more)


def wide(rows: list[dict[str, Any]]) -> list[list[str]]:
    out = io.BytesIO()
    write_wide_csv(rows, out, variables=["text"])
    return list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))


def test_the_wide_form_has_a_row_a_case_and_a_column_a_variant() -> None:
    rows = [
        cell("1", "zero-shot", "good"),
        cell("1", "zero-shot", "bad"),
        cell("1", "zero-shot", "good"),
        cell("1", "few-shot", "good"),
        cell("2", "few-shot", None, status="failed"),
        cell("2", "zero-shot", None, status="answered"),
    ]
    assert wide(rows) == [
        ["case_id", "expected", "mood · zero-shot · small · t=0.7", "mood · few-shot · small · t=0.7", "var.text"],
        ["1", "good", "good ×2 | bad ×1", "good", "text 1"],
        ["2", "good", "[no answer]", "[failed]", "text 2"],
    ]


def test_wide_headers_are_unique_and_say_what_differs() -> None:
    rows = [
        cell("1", "zero-shot", "a", prompt_version="3f", endpoint="x"),
        cell("1", "zero-shot", "b", prompt_version="9c", endpoint="x"),
        cell("1", "zero-shot", "c", prompt_version="9c", endpoint="x", temperature="0.7"),
    ]
    label = "mood · zero-shot · small · t=0.7 · prompt_version="
    assert wide(rows) == [
        ["case_id", "expected", f"{label}3f", f"{label}9c", f"{label}9c (2)", "var.text"],
        ["1", "good", "a", "b", "c", "text 1"],
    ]
