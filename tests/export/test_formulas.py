"""No cell of a CSV becomes a formula, whatever separator a spreadsheet splits at: evaluated by LibreOffice.

LibreOffice is not part of CI, where this test is skipped too: it takes half a gigabyte. Run it after a change of
`promptgrid.export.cells`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest

from promptgrid.export.csv_out import write_table

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
HOSTILE = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "\0=1+1", "\x01=1+1", " =1+1", "\xa0=1+1",
    "\ufeff=1+1", "\u200b=1+1", "＝1+1", "'=1+1", '"=1+1', "x;=1+1", "x;=1+1;y", 'x;"=1+1;', "x; =1+1;y",
    "x\t=1+1\ty", "x\n=1+1;y", "x\r\n=1+1\r\ny", "x;+1+1;-1+1;@SUM(1);y", "x\n-SUM(1);y",
)  # fmt: skip
SEPARATORS = {"comma": 44, "semicolon": 59, "tab": 9}


def formulas(path: Path, separator: int) -> list[str]:
    """The formulas in the file as LibreOffice reads it, with this separator, and with formulas evaluated."""
    reading = f"CSV:{separator},34,76,1,,0,false,true,false,false,false,-1,true"
    command = [str(OFFICE), f"-env:UserInstallation=file://{path.parent}/office", "--headless", f"--infilter={reading}"]
    command += ["--convert-to", "xlsx", "--outdir", str(path.parent), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    sheet = openpyxl.load_workbook(path.with_suffix(".xlsx")).active
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not on this machine")
@pytest.mark.parametrize("separator", SEPARATORS)
def test_libreoffice_finds_no_formula_in_25_hostile_cells(separator: str, tmp_path: Path) -> None:
    assert len(HOSTILE) == 25
    path = tmp_path / "hostile.csv"
    with path.open("wb") as out:
        write_table([{"id": 1, "output": text, "end": "z"} for text in HOSTILE], out, ["id", "output", "end"])
    assert formulas(path, SEPARATORS[separator]) == []


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not on this machine")
def test_libreoffice_would_find_them_without_a_guard(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text('1,"=1+1","z"\r\n1,"x;=2+2;y","z"\r\n1,"x\n=3+3;y","z"\r\n', "utf-8")
    assert formulas(path, SEPARATORS["comma"]) == ["=1+1"]
    assert formulas(path, SEPARATORS["semicolon"]) == ["=2+2", "=3+3"]
