from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promptgrid.errors import ExportError
from promptgrid.export import COLUMNS, columns_for, read_csv, read_jsonl, save, write_csv, write_jsonl, write_wide_csv
from promptgrid.export.cells import GUARDED, decoded_text

# As design.md §9 has it, typed here a second time on purpose: the order is a promise to files that are out there.
CONTRACT = (
    "run_id, cell_id, case_id, part, prompt, prompt_version, technique, examples_k, model, endpoint, model_returned, "
    "temperature, temperature_sent, effort, effort_sent, parameter_note, top_p, max_tokens, seed, sample, "
    "prompt_tokens_counted, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, context_limit, "
    "cost_usd, latency_ms, first_token_ms, attempts, reused, finish_reason, status, error, var.*, "
    "expected, checks, reasoning, answer, output, score.*, human_score, human_note, created_utc, request_json"
)
HEADERS = columns_for(["text"], ["label"])

foreign = st.text(st.characters(codec=None)) | st.text("=+-@\t\r\n'\",\\ud8\ud800\udfff\0＝0.5")
plain_values = foreign | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
clean_text = st.text(st.characters(exclude_categories=["Cs"]))  # in JSON two surrogates become one character
in_json = clean_text | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
nested = st.lists(in_json, max_size=3) | st.dictionaries(clean_text, in_json, max_size=3)  # the value of a case in JSON
values = plain_values | st.just(float("inf")) | nested
full_rows = st.lists(st.fixed_dictionaries(dict.fromkeys(HEADERS, values)), max_size=3)
text_rows = st.lists(st.fixed_dictionaries(dict.fromkeys(HEADERS, foreign)), min_size=1, max_size=3)
thorough = settings(deadline=None, max_examples=60)


def exported(rows: list[dict[str, Any]], *, excel: bool = False) -> bytes:
    out = io.BytesIO()
    assert write_csv(rows, out, variables=["text"], checks=["label"], excel=excel) == len(rows)
    return out.getvalue()


def imported(data: bytes) -> list[dict[str, Any]]:
    return list(read_csv(io.BytesIO(data)))


def one(**cells: Any) -> dict[str, Any]:
    return dict.fromkeys(HEADERS) | cells


def typed(rows: list[dict[str, Any]]) -> list[list[tuple[type, Any]]]:
    """So that 1, 1.0 and True differ."""
    return [[(type(row[header]), row[header]) for header in HEADERS] for row in rows]


def test_the_columns_are_those_of_the_contract() -> None:
    assert tuple(CONTRACT.split(", ")) == COLUMNS
    assert [*COLUMNS[:34], "var.a", "var.b", *COLUMNS[35:40], "score.x", *COLUMNS[41:]] == list(
        columns_for(["a", "b"], ["x"])
    )


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
    for row, seen in zip(rows, by_csv, strict=True):
        for header, text in row.items():
            assert seen[header] == text or (seen[header][0] == "'" and decoded_text(seen[header]) == text)


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


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b'"a","b"\r\n"1"\r\n', "row 2 has 1 cells, the header 2"),
        (b'"a","a"\r\n', "columns of the same name: a"),
        (b'"a"\r\n"1"\r\n"open\r\n', "a quote that opens in row 3 is never closed"),
        (b'"a"\r\n"x"y"z"\r\n', "row 2, cell 1 is not CSV"),
        (b'"a"\r\n"\xff"\r\n', "row 2 is not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_with_its_row(data: bytes, says: str) -> None:
    with pytest.raises(ExportError, match=says):
        imported(data)


def test_a_file_that_another_program_wrote_anew_is_still_read() -> None:
    rows = [one(output="=1+1, 'quoted'", answer="plain", sample=2)]
    again = io.StringIO(newline="")
    csv.writer(again).writerows(csv.reader(io.StringIO(exported(rows).decode(), newline="")))
    row = imported(again.getvalue().encode())[0]
    assert (row["output"], row["answer"], row["sample"]) == ("=1+1, 'quoted'", "plain", 2)


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
        made = 0
        for size in [10] * 100 + [100_000] * 300:
            made += size
            waiting.append(made - out.written)
            yield one(output="x" * size)

    assert write_csv(rows(), out, variables=["text"], checks=["label"]) == 400
    assert out.written > 30_000_000
    assert waiting[25] <= 50  # the first are there before more are asked for
    assert max(waiting[-100:]) < 3_000_000


def test_json_lines_come_back_and_carry_what_utf_8_cannot() -> None:
    rows = [
        one(output="今天\u2028\ud800", answer="", latency_ms=1.5, reused=True, sample=10**30),
        one(latency_ms=float("inf")),
    ]
    out = io.BytesIO()
    assert write_jsonl(rows, out) == 2
    lines = out.getvalue().decode().splitlines()
    assert [list(json.loads(line)) for line in lines] == [list(HEADERS)] * 2
    assert list(read_jsonl(io.BytesIO(out.getvalue()))) == [rows[0], one()]
    nested = [{"prompt": [{"role": "user", "content": "\ud83d\ude00 '\\x"}], "metadata": {"a": None, "'\\": [1]}}]
    out = io.BytesIO()
    write_jsonl(nested, out)
    assert list(read_jsonl(io.BytesIO(out.getvalue()))) == nested
    plain = io.BytesIO()
    write_jsonl([{"output": "今天"}], plain)
    assert plain.getvalue().decode() == '{"output": "今天"}\n'


@pytest.mark.parametrize(
    ("data", "says"), [(b'{"a":1}\n{"a"', "line 2 is not JSON"), (b"[1]\n", "line 1 is no JSON object")]
)
def test_broken_json_lines_are_refused_with_their_line(data: bytes, says: str) -> None:
    with pytest.raises(ExportError, match=says):
        list(read_jsonl(io.BytesIO(data)))


def wide(rows: list[dict[str, Any]]) -> list[list[str]]:
    out = io.BytesIO()
    write_wide_csv(rows, out, variables=["text"])
    return list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))


def cell(case: str, technique: str, answer: str | None, **more: Any) -> dict[str, Any]:
    fixed = {"prompt": "mood", "model": "small", "temperature": 0.7, "expected": "good", "var.text": f"text {case}"}
    return one(case_id=case, technique=technique, answer=answer, **fixed | more)


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
        ["case_id", "var.text", "expected", "mood · zero-shot · small · t=0.7", "mood · few-shot · small · t=0.7"],
        ["1", "text 1", "good", "good ×2 | bad ×1", "good"],
        ["2", "text 2", "good", "[no answer]", "[failed]"],
    ]


def test_wide_headers_are_unique_and_say_what_differs() -> None:
    rows = [
        cell("1", "zero-shot", "a", prompt_version="3f", endpoint="x"),
        cell("1", "zero-shot", "b", prompt_version="9c", endpoint="x"),
        cell("1", "zero-shot", "c", prompt_version="9c", endpoint="x", temperature="0.7"),
    ]
    label = "mood · zero-shot · small · t=0.7 · prompt_version="
    assert wide(rows) == [
        ["case_id", "var.text", "expected", f"{label}3f", f"{label}9c", f"{label}9c (2)"],
        ["1", "text 1", "good", "a", "b", "c"],
    ]


def test_a_saved_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.csv"
    assert save(path, lambda out: write_csv([one()], out, variables=["text"], checks=["label"])) == 1
    before = path.read_bytes()

    def full_disk(out: BinaryIO) -> int:
        out.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(ExportError, match=r"Cannot write .*out\.csv: No space left on device"):
        save(path, full_disk)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["out.csv"]
    assert len(list(read_csv(path))) == 1
    with pytest.raises(ExportError, match="Is a directory"):
        save(path.parent, lambda out: 0)
    with pytest.raises(ExportError, match=r"none\.csv"):
        list(read_csv(tmp_path / "none.csv"))


def test_saving_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    save(tmp_path / "link.csv", lambda out: out.write(b"new"))
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"
