"""A table that we wrote is read back as it was, and any other bytes are read or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from promptgrid.cases.table import Case, cases_csv, cases_jsonl, read_cases
from promptgrid.errors import CasesError
from tests.fuzz.inputs import FUZZ, json_values

values = json_values.filter(lambda value: value is not None)  # null is a missing value


@FUZZ
@given(st.lists(st.tuples(values, values), min_size=1, max_size=4))
def test_cases_written_as_json_lines_are_read_back_with_their_types(rows: list[tuple[Any, Any]]) -> None:
    clean = [(a, b) for a, b in rows if "\0" not in str(a) + str(b)]
    cases = tuple(Case(f"c{n}", {"case_id": f"c{n}", "a": a, "b": b}, "x") for n, (a, b) in enumerate(clean, 1))
    if cases:
        assert read_cases(cases_jsonl(cases).encode(), name="x.jsonl").cases == cases


texts = st.text(
    st.sampled_from("a\"',;\t| \n\r{[é") | st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)


filled = texts.filter(lambda text: text.strip())


names = st.text(st.sampled_from('ab"; ,|\t'), min_size=1, max_size=6).filter(
    lambda text: text == text.strip() and text.casefold() not in ("id", "case_id", "expected")
)


@FUZZ
@given(names, st.lists(filled, min_size=1, max_size=4))
def test_a_table_of_one_column_is_read_back_whatever_is_in_it(column: str, rows: list[str]) -> None:
    cases = tuple(Case(str(n), {column: text}) for n, text in enumerate(rows, 1))
    assert read_cases(cases_csv(cases, [column]).encode()).cases == cases


@FUZZ
@given(st.lists(names, min_size=1, max_size=4, unique=True), st.data())
def test_a_table_that_we_wrote_is_read_back_whatever_its_columns(columns: list[str], data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(st.tuples(*[texts] * len(columns)).filter(lambda r: any(c.strip() for c in r)), min_size=1)
    )
    cases = tuple(Case(str(n), dict(zip(columns, row, strict=True))) for n, row in enumerate(rows, 1))
    table = read_cases(cases_csv(cases, columns).encode())
    assert (table.cases, table.columns) == (cases, tuple(columns))


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(lambda t: t.strip())


@FUZZ
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5))
def test_written_cases_are_read_back(rows: list[tuple[str, str, str]]) -> None:
    columns = ("text", "other", "expected")
    cases = tuple(Case(str(n), {"text": a, "other": b}, e) for n, (a, b, e) in enumerate(rows, start=1))
    table = read_cases(cases_csv(cases, columns).encode())
    assert (table.cases, table.columns, table.notes) == (cases, columns, ())


@FUZZ
@given(st.binary() | st.text('a,;\t|"\n\r \0\ufeff').map(str.encode))
@example(b",\n,")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(CasesError):
        assert read_cases(data).cases
