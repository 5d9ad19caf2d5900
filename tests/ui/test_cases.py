"""The page Cases: what a table can prove, and which expected answers may be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.case_review import proposals
from promptgrid.cases.table import read_cases
from promptgrid.library.folder import library_folder
from promptgrid.store import Database
from promptgrid.store import runs as store_runs
from tests.stored import Cell, store_run
from tests.ui.pages import opened, press, ran, shown

if TYPE_CHECKING:
    from promptgrid.library.folder import Library
    from tests.faults.server import HostileServer

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


def store_proposals(database: Database, *replies: str) -> None:
    """Stores a run that asked for cases of the table "ours.csv", with these replies."""
    asked = {"fields": ["text"], "asked_for": "good"}
    cases = [(str(number), asked, None) for number in range(1, len(replies) + 1)]
    cells = [
        Cell(name, prompt=proposals.PROMPT, answer=reply, output=reply)
        for (name, _, _), reply in zip(cases, replies, strict=True)
    ]
    run_id = store_run(database, cells, case_rows=cases)
    store_runs.change(database, run_id, name=proposals.run_name("ours.csv"))


def test_a_proposed_case_is_accepted_refused_and_taken_back(database: Database) -> None:
    write_table(40)
    table = library_folder() / "cases" / "ours.csv"
    before = table.read_bytes()
    store_proposals(database, '{"text": "a new one"}', '{"text": "another one"}', '{"text": "note 7"}')
    page = opened(FILE)
    page.selectbox(key="cases_table").select("ours.csv")
    text = shown(ran(page))
    assert "2 proposed cases to look at" in text
    assert "a copy of case 7: text: note 7" in text

    press(page, "cases_accept_run00001_0")
    assert read_cases(table).cases[-1].inputs["text"] == "a new one"
    assert "Added a case to ours.csv" in shown(page)
    press(page, "cases_refuse_run00001_1")
    assert "to look at" not in shown(page)
    press(page, "cases_undo")
    assert "1 proposed case to look at" in shown(page)
    press(page, "cases_undo")
    assert table.read_bytes() == before
    assert "2 proposed cases to look at" in shown(page)


def test_a_model_is_asked_for_cases_with_the_price_before(endpoint: HostileServer, library: Library) -> None:
    """The table of the sample prompt "sentiment" is the one of that prompt alone."""
    page = opened(FILE)
    page.selectbox(key="cases_table").select("sentiment.csv")
    ran(page).toggle(key="cases_propose").set_value(True)
    assert page.selectbox(key="cases_table").value == "sentiment.csv"
    assert ran(page).selectbox(key="cases_prompt_sentiment.csv").options == ["sentiment"]
    page.selectbox(key="cases_model").select("openai/ok")
    page.number_input(key="cases_count").set_value(3)
    page.multiselect(key="cases_answers_sentiment.csv").select("mixed")
    assert ran(page).button(key="cases_start").label == "Propose · 3 calls"
    assert "\nfree\n" in shown(page)
    assert endpoint.calls("ok") == 0
