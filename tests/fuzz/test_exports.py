"""Any text goes out and is read back: by our importer, and by readers that know nothing of us."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from promptgrid.export import (
    columns_for,
    read_csv,
    read_jsonl,
    write_csv,
    write_jsonl,
    write_parquet,
    write_wide_csv,
    write_xlsx,
)
from promptgrid.export.cells import decoded_text, unmarked
from promptgrid.export.columns import kind_of
from tests.export.fragments import FRAGMENTS, NAMES
from tests.fuzz.inputs import FUZZ

HEADERS = columns_for(**NAMES)
TEXTS = [header for header in HEADERS if kind_of(header) == "text"]
ROWS = 10_000


hostile = st.text(st.characters(codec=None), max_size=20) | st.lists(st.sampled_from(FRAGMENTS), max_size=6).map(
    "".join
)
typed = {
    "text": st.none() | hostile,
    "int": st.none() | st.integers(-(2**63), 2**63 - 1),
    "float": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.none() | st.booleans(),
}
some_rows = st.lists(st.fixed_dictionaries({header: typed[kind_of(header)] for header in HEADERS}), max_size=4)

Row = dict[str, Any]


def written(write: Any, rows: list[Row], **names: Any) -> bytes:
    out = io.BytesIO()
    write(rows, out, **names)
    return out.getvalue()


@contextmanager
def long_fields() -> Iterator[None]:
    before = csv.field_size_limit(100_000_000)
    yield
    csv.field_size_limit(before)


def by_csv(data: bytes) -> list[list[str]]:
    with long_fields():
        return list(csv.reader(io.StringIO(data.decode(), newline="")))


def by_pandas(data: bytes, engine: Any) -> list[list[str]]:
    frame = pd.read_csv(io.BytesIO(data), keep_default_na=False, dtype=str, engine=engine)
    return [list(map(str, frame.columns)), *frame.to_numpy().tolist()]


def by_duckdb(path: Path) -> list[list[str]]:
    """With what it may not guess: a NUL as the mark of comments, "" as NULL, another dialect."""
    options = (
        "delim = ',', quote = '\"', escape = '\"', new_line = '\\r\\n', comment = '', header = true, "
        "all_varchar = true, allow_quoted_nulls = false"
    )
    with duckdb.connect() as connection:
        records = connection.execute(f"SELECT * FROM read_csv('{path}', {options})")
        return [[column[0] for column in records.description], *map(list, records.fetchall())]


def seen_alike(data: bytes, path: Path) -> list[list[str]]:
    """The records as every reader sees them, the header first; nothing at all and "" are both ""."""
    path.write_bytes(data)
    records = by_csv(data)
    for engine in ("c", "python"):
        assert by_pandas(data, engine) == records
    assert [["" if cell is None else cell for cell in row] for row in by_duckdb(path)] == records
    return records


def typed_values(rows: list[Row]) -> list[list[tuple[type, Any]]]:
    return [[(type(row[header]), row[header]) for header in HEADERS] for row in rows]


def text_of(cell: str) -> str:
    return decoded_text(cell) if cell.startswith("'") else cell


def check_csv(rows: list[Row], path: Path) -> None:
    data = written(write_csv, rows, **NAMES)
    assert typed_values(list(read_csv(io.BytesIO(data)))) == typed_values(rows)
    assert written(write_csv, list(read_csv(io.BytesIO(data))), **NAMES) == data
    header, *records = seen_alike(data, path)
    assert [*map(text_of, header)] == list(HEADERS)
    for row, record in zip(rows, records, strict=True):
        cells = dict(zip(HEADERS, record, strict=True))
        assert {name: text_of(cells[name]) for name in TEXTS} == {name: row[name] or "" for name in TEXTS}


@FUZZ
@given(rows=some_rows)
@example(rows=[dict.fromkeys(HEADERS)])
@example(rows=[{**dict.fromkeys(HEADERS), "output": fragment, "answer": fragment * 2} for fragment in FRAGMENTS])
def test_every_reader_sees_the_same_texts(rows: list[Row], tmp_path: Path) -> None:
    if rows:
        check_csv(rows, tmp_path / "out.csv")


@pytest.fixture(scope="module")
def many_rows() -> list[Row]:
    dice = random.Random(0)
    texts = ["".join(dice.choices(FRAGMENTS, k=dice.randrange(1, 7))) for _ in range(ROWS)]
    texts += ["".join(map(chr, dice.choices(range(0x110000), k=8))) for _ in range(ROWS)]
    empty = dict.fromkeys(HEADERS)
    columns = ["output", "answer", "expected", "error", "var.text"]
    return [
        {**empty, "sample": at, "temperature": dice.random(), "reused": at % 2 == 0, "score.label": None}
        | {name: dice.choice(texts) for name in columns if dice.random() < 0.9}
        for at in range(ROWS)
    ]


def test_ten_thousand_hostile_rows_at_once(many_rows: list[Row], tmp_path: Path) -> None:
    check_csv(many_rows, tmp_path / "out.csv")


def test_json_lines_are_byte_identical_when_written_again(many_rows: list[Row]) -> None:
    data = written(write_jsonl, many_rows)
    rows = list(read_jsonl(io.BytesIO(data)))
    assert typed_values(rows) == typed_values(many_rows)
    assert written(write_jsonl, rows) == data
    assert [len(line) > 0 for line in data.decode().splitlines()] == [True] * ROWS


def test_a_wide_file_is_read_alike_by_all(tmp_path: Path) -> None:
    rows = [
        {
            **dict.fromkeys(HEADERS),
            "case_id": str(at),
            "prompt": "p",
            "answer": text,
            "var.text": text,
            "status": "answered",
        }
        for at, text in enumerate(FRAGMENTS)
    ]
    data = written(write_wide_csv, rows, variables=NAMES["variables"])
    header, *records = seen_alike(data, tmp_path / "wide.csv")
    assert [*map(text_of, header)] == ["case_id", "expected", "p", "var.text", 'var.a "b",\n=']
    assert [[text_of(record[3]), text_of(record[2])] for record in records] == [[text, text] for text in FRAGMENTS]


def check_parquet(rows: list[Row], path: Path) -> None:
    path.write_bytes(written(write_parquet, rows, **NAMES))
    records = pq.read_table(path).to_pylist()
    with duckdb.connect() as connection:
        query = connection.execute(f"SELECT * FROM '{path}'")
        assert query.fetchall() == [tuple(row.values()) for row in records]
    for row in records:
        row.update({name: unmarked(row[name]) for name in TEXTS if row[name] is not None})
    assert typed_values(records) == typed_values(rows)


@FUZZ
@given(rows=some_rows)
def test_parquet_gives_back_every_value_with_its_type(rows: list[Row], tmp_path: Path) -> None:
    check_parquet(rows, tmp_path / "out.parquet")


def test_parquet_of_ten_thousand_hostile_rows(many_rows: list[Row], tmp_path: Path) -> None:
    check_parquet(many_rows, tmp_path / "out.parquet")


def test_a_workbook_holds_texts_only_as_text(many_rows: list[Row]) -> None:
    rows = many_rows[:500] + [{**dict.fromkeys(HEADERS), "output": fragment} for fragment in FRAGMENTS]
    sheet = openpyxl.load_workbook(io.BytesIO(written(write_xlsx, rows, **NAMES)))["results"]
    lines = list(sheet.iter_rows())
    assert [unescape(cell.value) for cell in lines[0]] == list(HEADERS)
    for row, line in zip(rows, lines[1:], strict=True):
        cells = dict(zip(HEADERS, line, strict=True))
        for name in TEXTS:
            assert (cells[name].data_type, cells[name].hyperlink) in (("s", None), ("inlineStr", None), ("n", None))
            assert unmarked(unescape(cells[name].value or "")) == (row[name] or "")
        assert (cells["sample"].value, cells["reused"].value) == (row["sample"], row["reused"])
        if row["temperature"] is not None:
            assert cells["temperature"].value == pytest.approx(row["temperature"], rel=1e-15)
