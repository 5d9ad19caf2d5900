"""What is read from CSV files that are broken, or that another program has written."""

from __future__ import annotations

import csv
import io

import pytest

from promptgrid.errors import ExportError
from tests.export.rows import exported, imported, one


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
