from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from promptgrid.cases import workbook
from promptgrid.cases.table import Case, read_cases
from promptgrid.errors import CasesError


def book(*rows: list[Any], title: list[Any] | None = None, sheets: int = 1) -> bytes:
    workbook = openpyxl.Workbook()
    for number in range(1, sheets):
        workbook.create_sheet(f"Other {number}")
    for row in [*([title] if title else []), *rows]:
        workbook.active.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def test_values_of_json_keep_their_types() -> None:
    row = {"n": 7, "x": 1.5, "yes": True, "tags": ["a", "b"], "user": {"name": "Ada"}, "zip": "007", "gone": None}
    case = read_cases(json.dumps([{**row, "expected": ["yes", "ja"]}]).encode()).cases[0]
    assert case.inputs == {name: value for name, value in row.items() if value is not None}
    assert case.expected == '["yes", "ja"]'


@pytest.mark.parametrize(
    ("expected", "text"), [(0, "0"), (False, "false"), ("0", "0"), (1.5, "1.5"), ({"a": 1}, '{"a": 1}'), ("  ", None)]
)
def test_an_expected_value_of_any_type_is_an_answer(expected: Any, text: str | None) -> None:
    assert read_cases(json.dumps({"q": "x", "expected": expected}).encode()).cases[0].expected == text


@pytest.mark.parametrize(
    ("text", "count", "notes"),
    [
        ('[{"a": 1}, {"a": 2}]', 2, ()),
        ('{"a": 1}\n\n{"a": 2}\r\n', 2, ()),
        ('{"a": 1}', 1, ()),
        ('{\n "a": 1\n}\n{\n "a": 2\n}', 2, ()),
        (
            '{"canary": "x", "examples": [{"input": "1", "target": "2"}]}',
            1,
            ("the records are in the field 'examples'",),
        ),
        ('{"a": 1}\n{"b": 2}', 2, ("'a' has no value in 1 of 2 records", "'b' has no value in 1 of 2 records")),
        ('{"a": 1, "checks": ["length:max=5"]}\n{"a": 2}', 2, ()),
        ('\ufeff{"a": 1}', 1, ()),
    ],
)
def test_json_is_read_as_people_have_it(text: str, count: int, notes: tuple[str, ...]) -> None:
    table = read_cases(text.encode(), name="x.json")
    assert (len(table.cases), table.notes) == (count, notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1}\n{"a": 2', "line 2 is not JSON"),
        ('{"a": 1}\nplain', "line 2 is not JSON"),
        ('{"a": 1}\n[1]', r"record 2 \(line 2\) is a list"),
        ('{"a": NaN}', "line 1 holds NaN"),
        ('{"a": 1, "a": 2}', "line 1 has the field 'a' twice"),
        ("[]", "no records"),
        ("[1, 2]", "record 1 .* is a number"),
        ("[" * 100_000, "cannot be read|not JSON"),
        ("x,y\n1,2\n", "line 1 is not JSON"),
    ],
)
def test_json_that_is_not_records_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(CasesError, match=says):
        read_cases(text.encode(), name="x.jsonl")


def test_a_workbook_is_read_with_its_types(tmp_path: Path) -> None:
    import datetime

    path = tmp_path / "x.xlsx"
    path.write_bytes(
        book(["text", "n", "day", "expected"], ["007", 18.75, datetime.date(2026, 3, 1), 4], [None, 2, None, None])
    )
    table = read_cases(path)
    assert table.cases == (
        Case("1", {"text": "007", "n": 18.75, "day": "2026-03-01"}, "4"),
        Case("2", {"text": "", "n": 2, "day": ""}, None),
    )


def test_a_title_above_the_header_and_other_sheets_are_left_out_with_a_note() -> None:
    table = read_cases(book(["q", "expected"], ["a", "b"], title=["My cases"], sheets=2))
    assert table.cases == (Case("1", {"q": "a"}, "b"),)
    assert table.notes == ("sheet 'Sheet' of 2 read", "row 1 left out: 'My cases' is a title")


def test_a_formula_without_its_value_and_an_error_are_refused_by_cell() -> None:
    with pytest.raises(CasesError, match="cell B2 is a formula whose value is not in the file"):
        read_cases(book(["a", "b"], ["x", "=1+1"]))
    with pytest.raises(CasesError, match="cell A2 holds the error #N/A"):
        read_cases(book(["a", "b"], ["#N/A", "x"]))


def test_a_broken_workbook_and_one_that_unpacks_to_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<broken")
    with pytest.raises(CasesError, match="cannot be read"):
        read_cases(out.getvalue(), name="x.xlsx")
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 100)
    with pytest.raises(CasesError, match="unpacked"):
        read_cases(book(["a"], ["b"]))


def test_parquet_is_read_with_its_types() -> None:
    out = io.BytesIO()
    rows = {"q": ["a", None], "n": [1, 2], "tags": [["x"], []], "expected": ["b", float("nan") and None]}
    parquet.write_table(pa.table(rows), out)
    table = read_cases(out.getvalue(), name="x.parquet")
    assert table.cases == (Case("1", {"q": "a", "n": 1, "tags": ["x"]}, "b"), Case("2", {"n": 2, "tags": []}, None))
    with pytest.raises(CasesError, match="cannot be read"):
        read_cases(out.getvalue()[:60], name="x.parquet")
