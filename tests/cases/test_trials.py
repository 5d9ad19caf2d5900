"""Tables that people brought and that were once read wrong, each with what is right."""

from __future__ import annotations

import pytest

from promptgrid.cases.table import Case, answer_columns, parse_cases, read_cases
from promptgrid.errors import CasesError, EncodingError


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("отзыв,expected\r\nХорошая лампа,positive\r\n", "cp1251"),
        ("opinia,expected\r\nŁadna lampa i źle działa,mixed\r\n", "cp1250"),
        ("評論,expected\r\n燈很亮，送貨快,positive\r\n", "big5"),
        ("q,expected\r\n東京,positive\r\n", "shift_jis"),
        ("text,expected\n今天天气很好，我们去公园。,积极\n", "gb18030"),
        ("text,expected\nCRÉÉ,ok\n", "cp1252"),
        ("q,expected\n서울,ok\n", "cp949"),
        ("q,expected\n東京都,ok\n", "euc_jp"),
        ("q,expected\ncafé,ok\n", "mac_roman"),
    ],
)
def test_an_encoding_that_is_not_certain_has_to_be_named(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    with pytest.raises(EncodingError, match=r"x\.csv is not UTF-8: row \d holds the byte 0x") as caught:
        read_cases(data, name="x.csv")
    rows = [text.splitlines()[0], text.splitlines()[1]]
    assert dict(caught.value.texts)[encoding] in rows
    case = read_cases(data, name="x.csv", encoding=encoding).cases[0]
    assert list(case.inputs.items()) == [(rows[0].split(",")[0], rows[1].split(",")[0])]


def test_a_stray_byte_in_utf8_is_named_with_its_row() -> None:
    data = "text,expected\nAmélie liked it,positive\n".encode() + b"Ren\xe9 did not,negative\n"
    with pytest.raises(EncodingError, match="UTF-8 but for a stray byte: row 3 holds the byte 0xe9"):
        read_cases(data)


def test_an_encoding_that_does_not_fit_or_does_not_exist_is_refused() -> None:
    with pytest.raises(EncodingError, match=r"is not (Shift-JIS|cp932)"):
        read_cases(b"a,b\n\x81,\xff\n", encoding="shift_jis")
    for name in ("klingon", "hex", ""):
        if name:
            with pytest.raises(CasesError, match="no encoding called"):
                read_cases(b"a,b\n1,2\n", encoding=name)


def test_short_rows_are_filled_up() -> None:
    table = parse_cases("text,expected,note\nbright,positive,a\ndim,negative\n")
    assert [case.inputs["note"] for case in table.cases] == ["a", ""]
    assert table.notes == ("row 3 shorter than the header: filled up with empty cells",)


def test_blanks_before_a_quote_are_no_text() -> None:
    table = parse_cases('text, expected\n"bright", "positive"\n')
    assert table.cases == (Case("1", {"text": "bright"}, "positive"),)


def test_json_lines_are_two_cases_in_any_file() -> None:
    text = '{"text": "bright", "expected": "positive"}\n{"text": "dim", "expected": "negative"}\n'
    for name in ("x.jsonl", "x.csv", "x"):
        assert [case.expected for case in read_cases(text.encode(), name=name).cases] == ["positive", "negative"]


def test_pasted_cells_that_begin_or_end_with_a_quote_stay_two_rows() -> None:
    table = parse_cases('text\texpected\n"it broke\tnegative\nI love it"\tpositive\n')
    assert table.cases == (Case("1", {"text": '"it broke'}, "negative"), Case("2", {"text": 'I love it"'}, "positive"))
    assert "quotes read as text in row 2" in table.notes


def test_a_pasted_cell_that_begins_with_a_quote_is_text() -> None:
    table = parse_cases('text\texpected\n"Bright" said the box\tnegative\n')
    assert table.cases == (Case("1", {"text": '"Bright" said the box'}, "negative"),)


def test_the_column_of_the_answers_can_be_named_and_is_offered() -> None:
    text = "text,__expected\nbright,positive\n"
    table = parse_cases(text)
    assert (table.cases[0].expected, answer_columns(table.columns)) == (None, ["__expected"])
    named = parse_cases(text, expected="__expected")
    assert (named.cases[0].expected, named.columns) == ("positive", ("text", "expected"))
    assert parse_cases("q,Answer\n1,2\n", expected="answer").cases[0].expected == "2"
    with pytest.raises(CasesError, match=r"no column 'anser'; it has q, answer\. Did you mean answer\?"):
        parse_cases("q,answer\n1,2\n", expected="anser")


def test_all_that_was_tolerated_is_noted() -> None:
    table = parse_cases("text ;expected\nbright;positive\n;\n")
    assert table.notes == ("separated by semicolons", "1 empty row skipped", "header 'text ' trimmed")
