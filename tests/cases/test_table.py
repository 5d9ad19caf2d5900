from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptgrid.cases import table as module
from promptgrid.cases.decoding import MAX_BYTES
from promptgrid.cases.raw import json_value
from promptgrid.cases.table import Case, parse_cases, read_cases
from promptgrid.errors import CasesError
from promptgrid.prompt import bounds

CHINESE = "text,expected\n今天天气很好，我们去公园。,积极\n坏了,消极\n"
FRENCH = "text,expected\n“Résumé” café größe,ok\n"


def test_a_plain_table_is_read_without_a_note(tmp_path: Path) -> None:
    path = tmp_path / "mood.csv"
    path.write_text('text,expected\n"Good, ""really""",positive\nBad,\n')
    table = read_cases(path)
    assert table.cases == (
        Case("1", {"text": 'Good, "really"'}, "positive"),
        Case("2", {"text": "Bad"}, None),
    )
    assert (table.columns, table.notes) == (("text", "expected"), ())


@pytest.mark.parametrize(
    ("data", "text", "notes"),
    [
        (CHINESE.encode(), "今天天气很好，我们去公园。", ()),
        (CHINESE.encode("utf-8-sig"), "今天天气很好，我们去公园。", ()),
        (CHINESE.encode("utf-16"), "今天天气很好，我们去公园。", ("read as UTF-16",)),
        (CHINESE.encode("utf-32"), "今天天气很好，我们去公园。", ("read as UTF-32",)),
        (FRENCH.encode("utf-16-le"), "“Résumé” café größe", ("read as UTF-16",)),
        (FRENCH.encode("utf-16-be"), "“Résumé” café größe", ("read as UTF-16",)),
    ],
)
def test_encodings_that_are_certain_are_read(data: bytes, text: str, notes: tuple[str, ...]) -> None:
    table = read_cases(data)
    assert table.cases[0].inputs["text"] == text
    assert table.columns == ("text", "expected")
    assert table.notes == notes


@pytest.mark.parametrize(
    ("text", "rows", "notes"),
    [
        ("a;b\n1,5;2\n", [("1,5", "2")], ("separated by semicolons",)),
        ("a\tb\nI like it, but\t2\n", [("I like it, but", "2")], ("separated by tabs",)),
        ("a|b\n1;|2\n", [("1;", "2")], ("separated by bars",)),
        ("sep=;\r\na;b\r\n1;2\r\n", [("1", "2")], ("separated by semicolons",)),
        ('a,b\n"x; y; z",2\n', [("x; y; z", "2")], ()),
        ('a,b\n"two\nlines",2\n', [("two\nlines", "2")], ()),
        (" a ,b\n1,2\n", [("1", "2")], ("header ' a ' trimmed",)),
        ("\na,b\n\n1,2\n,\n", [("1", "2")], ("3 empty rows skipped",)),
        ("a,b\n1,2,,\n", [("1", "2")], ()),
        ("a,b,\n1,2\n", [("1", "2")], ()),
        ("a,b\n1\n", [("1", "")], ("row 2 shorter than the header: filled up with empty cells",)),
        (
            'a, b\n"1, 2", "3"\n',
            [("1, 2", "3")],
            ("blanks around quoted cells left out in row 2", "header ' b' trimmed"),
        ),
        ('a,b\n"x","y" \n', [("x", "y")], ("blanks around quoted cells left out in row 2",)),
        (
            'a\tb\n"I see," he said.\tA\n',
            [('"I see," he said.', "A")],
            ("separated by tabs", "quotes read as text in row 2"),
        ),
        ('a\tb\n"two\nlines ""q"""\tA\n', [('two\nlines "q"', "A")], ("separated by tabs",)),
        ("a,b\r1,2\r3,4", [("1", "2"), ("3", "4")], ()),
    ],
)
def test_tables_are_read_as_people_have_them(text: str, rows: list[tuple[str, str]], notes: tuple[str, ...]) -> None:
    table = parse_cases(text)
    assert [tuple(case.inputs.values()) for case in table.cases] == rows
    assert table.columns == ("a", "b")
    assert table.notes == notes


def test_a_column_without_a_name_gets_one() -> None:
    table = parse_cases("text,,b\n1,2,3\n")
    assert table.cases[0].inputs == {"text": "1", "column_2": "2", "b": "3"}
    assert table.notes == ("column 2 has no name: read as column_2",)


def test_in_a_table_of_one_column_commas_are_text() -> None:
    table = parse_cases('text\nI like it, but no\n"quoted, too"\n')
    assert [case.inputs["text"] for case in table.cases] == ["I like it, but no", "quoted, too"]
    assert table.notes == ("one column: commas are read as text",)
    assert parse_cases('text\n"quoted, too"\n').notes == ()


def test_expected_is_recognised_in_any_case() -> None:
    table = parse_cases("text,Expected\na,b\n")
    assert table.cases == (Case("1", {"text": "a"}, "b"),)
    assert table.columns == ("text", "expected")


def test_an_id_column_names_the_cases_when_it_is_unique() -> None:
    assert [case.id for case in parse_cases("ID,t\nq7,a\nr2,b\n").cases] == ["q7", "r2"]
    assert [case.id for case in parse_cases("case_id,t\nq7,a\nr2,b\n").cases] == ["q7", "r2"]
    twice = parse_cases("id,t\nq7,a\nq7,b\n")
    assert [case.id for case in twice.cases] == ["1", "2"]
    assert twice.notes == ("'id' is not filled and unique: cases are numbered instead",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", ["x.csv is empty"]),
        (b"\n,\n", ["x.csv is empty"]),
        (b"text,expected\n", ["no rows", "text, expected"]),
        (b"text,b,text\n1,2,3\n", ["columns 1 and 3", "'text'"]),
        (b"Expected,expected\n1,2\n", ["columns 1 and 2", "'expected'"]),
        (b"a,b\n1,2\n3,4,five\n", ["row 3", "column 3", "'five'"]),
        (b'a,b\n"x\ny",2\n3,4,5\n', ["row 3 (line 4)", "column 3"]),
        (b'a,b\n1,"x\ny"\n"2,3\n4,5\n', ["opens in row 3 (line 4)", "never closed"]),
        (b'a,b\n"x"y,2\n', ["row 2", "quotes"]),
        (b"a,b\n1,2\n3,x\0y\n", ["row 3", "column 'b'", "NUL"]),
        (b"PK\x03\x04rest", ["a zip file", "Save the sheet as CSV"]),
        (b"a,b\n\x81\xff,1\n", ["row 2", "0x81", "not UTF-8"]),
        (b"x" * 300 + b"\n1\n", ["column 1", "300 characters", "first row names the columns"]),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_cannot_be_read_is_refused_with_its_place(data: bytes, says: list[str]) -> None:
    with pytest.raises(CasesError) as caught:
        read_cases(data, name="x.csv")
    for words in says:
        assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CasesError, match=r"none\.csv"):
        read_cases(tmp_path / "none.csv")


def test_limits_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "MAX_CASES", 3)
    with pytest.raises(CasesError, match="more than 3 rows"):
        parse_cases("a\n1\n2\n3\n4\n")
    with pytest.raises(CasesError, match="1,001 columns, more than 1,000"):
        parse_cases(",".join(f"c{i}" for i in range(1001)) + "\n")


def test_more_than_100_mb_are_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 10**9)  # sparse: takes no space
    with pytest.raises(CasesError, match=r"huge\.csv is larger than 100 MB"):
        read_cases(path)


def test_a_huge_cell_is_read() -> None:
    story = "x" * 1_000_000
    assert parse_cases(f"text,n\n{story},1\n").cases[0].inputs["text"] == story


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_row_that_no_prompt_can_take_is_left_out_and_named(form: str) -> None:
    big = "word " * 1_000_000
    if form == "csv":
        data = f"text,expected\nfirst,a\n{big},b\nlast,c\n"
    else:
        data = "\n".join(json.dumps({"text": text}) for text in ("first", ["a list", big], "last"))
    table = read_cases(data.encode(), name=f"big.{form}")
    assert [(case.id, case.inputs["text"]) for case in table.cases] == [("1", "first"), ("3", "last")]
    row = 3 if form == "csv" else 2
    assert f"row {row} left out: more than 2,000,000 characters, which no prompt takes" in table.notes
    assert bounds.MAX_CHARS == module.MAX_ROW


def test_a_table_of_which_no_row_can_be_taken_is_refused() -> None:
    with pytest.raises(CasesError, match="row 2 left out"):
        parse_cases("text\n" + "word " * 1_000_000)


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_values_nested_too_deeply_are_refused_with_their_place(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    with pytest.raises(CasesError, match=r"record at line 2|record 2 \(line 2\) has more than 100 lists"):
        read_cases(f'{{"text": "a"}}\n{{"text": {nested}}}\n'.encode(), name="deep.jsonl")
    assert read_cases(f'{{"text": {nested[:50]}{nested[-50:]}}}'.encode(), name="deep.jsonl").cases


def test_a_row_of_python_nested_too_deeply_is_refused() -> None:
    value: list[object] = []
    for _ in range(900):
        value = [value]
    with pytest.raises(CasesError, match="more than 100 lists"):
        json_value(value, "case 1: 'text'")
