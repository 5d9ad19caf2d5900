"""The page Cases: what a table can prove, and which expected answers may be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid.library.folder import library_folder
from promptgrid.store import Database
from tests.stored import Cell, store_run
from tests.ui.pages import opened, ran, shown

FILE = "14_Cases.py"


def write_table(rows: int) -> list[tuple[str, dict[str, str], str]]:
    """Writes the table "ours.csv" into the library and returns its cases; the answer of the first is wrong."""
    cases = [(str(n), {"text": f"note {n}"}, "good" if (n % 2 == 0) != (n == 1) else "bad") for n in range(1, rows + 1)]
    text = "id,text,expected\n" + "".join(f"{name},{inputs['text']},{label}\n" for name, inputs, label in cases)
    folder = library_folder() / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    Path(folder / "ours.csv").write_text(text, "utf-8")
    return cases


@pytest.mark.usefixtures("database")
def test_a_small_table_is_told_that_it_proves_nothing() -> None:
    write_table(20)
    page = opened(FILE)
    page.selectbox(key="cases_table").select("ours.csv")
    text = shown(ran(page))
    assert "Under 40 cases nothing can be proved, and these are 20" in text
    assert "may be wrong" not in text


def test_a_run_leads_to_the_answer_that_may_be_wrong(database: Database) -> None:
    cases = write_table(60)
    cells = [
        Cell(name, technique=f"t{at}", answer=answer, score=float(answer == label))
        for name, _, label in cases
        for at, answer in enumerate(["good" if int(name) % 2 == 0 else "bad"] * 2)
    ]
    run_id = store_run(database, cells, case_rows=cases)
    page = opened(FILE)
    page.selectbox(key="cases_table").select("ours.csv")
    ran(page).multiselect(key="cases_runs_ours.csv").select(run_id)
    text = shown(ran(page))
    assert "Expected answers that may be wrong" in text
    assert "expected good; 2 of 2 variants answer bad" in text
    assert len([one for one in page.get("page_link") if "Case 1" in one.proto.label]) == 1
