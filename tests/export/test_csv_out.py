"""CSV as we write it: RFC 4180, no formulas, and texts that every reader sees alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promptgrid.errors import ExportError
from promptgrid.export import columns_for, write_csv
from promptgrid.export.cells import GUARDED, decoded_text
from tests.export.rows import HEADERS, exported, imported, one

foreign = st.text(st.characters(codec=None)) | st.text("=+-@\t\r\n'\",\\ud8\ud800\udfff\0＝0.5")
plain_values = foreign | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
clean_text = st.text(st.characters(exclude_categories=["Cs"]))  # in JSON two surrogates become one character
in_json = clean_text | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
nested = st.lists(in_json, max_size=3) | st.dictionaries(clean_text, in_json, max_size=3)  # the value of a case in JSON
values = plain_values | st.just(float("inf")) | nested
full_rows = st.lists(st.fixed_dictionaries(dict.fromkeys(HEADERS, values)), max_size=3)
text_rows = st.lists(st.fixed_dictionaries(dict.fromkeys(HEADERS, foreign)), min_size=1, max_size=3)
thorough = settings(deadline=None, max_examples=60)


def typed(rows: list[dict[str, Any]]) -> list[list[tuple[type, Any]]]:
    """So that 1, 1.0 and True differ."""
    return [[(type(row[header]), row[header]) for header in HEADERS] for row in rows]


def test_a_row_looks_as_rfc_4180_has_it() -> None:
    header, record, rest = exported(
        [one(run_id='a "b"', sample=3, temperature=0.7, reused=False, error="", output="x\r\ny", answer="=1+1")]
    ).split(b"\r\n", 2)
    assert header.decode() == ",".join(f'"{name}"' for name in HEADERS)
    assert record.startswith(b'"a ""b""",,')
    cells = dict(zip(HEADERS, record.decode().split(","), strict=False))
    assert (cells["sample"], cells["temperature"], cells["reused"], cells["error"]) == ("3", "0.7", "false", '""')
    assert cells["answer"] == '"\'=1+1"'
    assert rest.endswith(b",,,,,\r\n")


@thorough
@given(full_rows)
@example([one(output="\ud83d\ude00", answer="'\\ud800", error="\\\ud800", reasoning="''=", seed=-0.0, top_p=1e300)])
def test_what_was_exported_is_imported_as_it_was(rows: list[dict[str, Any]]) -> None:
    data = exported(rows)
    assert typed(imported(data)) == typed(rows)
    assert exported(imported(data)) == data


clean = st.text(st.characters(exclude_categories=["Cs"]))


@thorough
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(HEADERS, clean)), min_size=1, max_size=3))
@example([dict.fromkeys(HEADERS, "-5"), dict.fromkeys(HEADERS, "\0\r\n\x85\u2028\ufeff"), dict.fromkeys(HEADERS, "NA")])
def test_other_readers_see_the_same_texts(rows: list[dict[str, Any]]) -> None:
    data = exported(rows)
    by_csv = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert pd.read_csv(io.BytesIO(data), keep_default_na=False, dtype=str).to_dict("records") == by_csv
    for row, record in zip(rows, by_csv, strict=True):
        for header, text in row.items():
            assert record[header] == text or (record[header][0] == "'" and decoded_text(record[header]) == text)


@thorough
@given(text_rows)
def test_no_text_cell_starts_a_formula(rows: list[dict[str, Any]]) -> None:
    for row in csv.reader(io.StringIO(exported(rows).decode(), newline="")):
        for cell in row:
            assert cell[:1] not in GUARDED or cell[0] == "'" or pd.notna(pd.to_numeric(cell))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+a", "'+a"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\\t\\'=1"),
        ("\ta", "'\ta"),
        ("'quoted'", "''quoted'"),
        ("＝1", "'＝1"),
        ("-5", "-5"),
        ("+.5e3", "+.5e3"),
        ("-5+cmd", "'-5+cmd"),
        ("-٥", "'-٥"),
        ("a=1", "a=1"),
        ("\0=1+1", "'\0=1+1"),
        (" \x01@SUM(A1)", "' \x01@SUM(A1)"),
        ("x;=1+1", "'\\x;\\'=1+1"),
        ('x;"=1+1\\', "'\\x;\\'\"=1+1\\\\"),
        ("x\t-cmd|' /C calc'!A0", "'\\x\t\\'-cmd|' /C calc'!A0"),
        ("x\n=1+1", "'\\x\n\\'=1+1"),
        ("x\n+HYPERLINK(1)", "'\\x\n\\'+HYPERLINK(1)"),
        ("two\n- items\n- of a list; and more", "two\n- items\n- of a list; and more"),
        ("a\ud800\\", "'\\a\\ud800\\\\"),
        ("\\ud800", "\\ud800"),
    ],
)
def test_the_guard_stands_only_where_it_is_needed(text: str, cell: str) -> None:
    data = exported([one(output=text)])
    assert next(csv.DictReader(io.StringIO(data.decode(), newline="")))["output"] == cell
    assert imported(data)[0]["output"] == text


def test_missing_and_empty_stay_apart() -> None:
    row = imported(exported([one(answer="", error=None)]))[0]
    assert (row["answer"], row["error"]) == ("", None)


def test_a_value_without_a_column_is_refused_and_not_dropped() -> None:
    with pytest.raises(ExportError, match=r"Row 2 has values without a column: score\.other"):
        exported([one(), one() | {"score.other": 1.0}])
    with pytest.raises(ExportError, match=r"output holds a set: \{'x'\}"):
        exported([one(output={"x"})])
    with pytest.raises(ExportError, match="Two checks are called 'label'"):
        columns_for([], ["label", "label"])


def test_for_excel_there_is_a_mark_and_no_cell_is_too_long() -> None:
    long, astral = "=" + "x" * 40_000, "😀" * 20_000
    data = exported([one(output=long, answer=astral, error="x" * 32_766)], excel=True)
    assert data.startswith(b"\xef\xbb\xbf")
    row = next(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    for cell in row.values():
        assert len(cell.encode("utf-16-le")) // 2 <= 32_767
    assert row["output"].endswith("x …[cut: 40,001 characters]")
    assert row["answer"].endswith("😀 …[cut: 20,000 characters]")
    assert row["error"] == "x" * 32_766
    with pytest.raises(ExportError, match="written for Excel"):
        imported(data)


class Counting(io.BytesIO):
    """Forgets what was written, and remembers how far the rows were drawn meanwhile."""

    written = 0

    def write(self, data: Any) -> int:
        self.written += len(data)
        return len(data)


def test_rows_are_written_as_they_come_and_few_wait_where_they_are_large() -> None:
    out = Counting()
    waiting: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        count = 0
        for size in [10] * 100 + [100_000] * 300:
            count += size
            waiting.append(count - out.written)
            yield one(output="x" * size)

    assert write_csv(rows(), out, variables=["text"], checks=["label"]) == 400
    assert out.written > 30_000_000
    assert waiting[25] <= 50  # the first are there before more are asked for
    assert max(waiting[-100:]) < 3_000_000
