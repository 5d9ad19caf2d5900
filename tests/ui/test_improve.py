"""The page Improve: nothing is sent before the press, each step is a run, and what was found is saved on request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.library.folder import Library
from promptgrid.store import Database, runs
from tests.parity import RULE, write_parity
from tests.running import carried_out
from tests.ui.pages import opened, press, ran, shown

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

FILE = "16_Improve.py"
ASKED = {"prompt": "parity", "cases": "parity.csv", "model": "openai/ok", "writer": "openai/ok", "budget": "1500calls"}


@pytest.mark.usefixtures("no_runner")
def test_a_search_goes_step_by_step_survives_a_cancel_and_saves_what_it_found(
    endpoint: HostileServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parity(endpoint, monkeypatch)
    page = opened(FILE, **ASKED)
    page.number_input(key="improve_candidates").set_value(4)
    assert "This budget buys about 4 candidates" in shown(ran(page))
    assert not endpoint.books.completions

    page = press(page, "improve_begin")
    runs.ask(database, runs.find_run(database, "last").id, "cancel")
    assert "The search has stopped at original, zero-shot" in shown(ran(page))
    page = press(page, "improve_begin")
    for _ in range(12):
        run = runs.active_run(database)
        if run is None:
            break
        carried_out(database, run.id)
        page = ran(page)
    text = shown(page)
    assert "better than the original on" in text
    assert "Won " in text
    sent = len(endpoint.books.completions)

    page = press(page, "improve_save")
    saved, _ = Library(Path("prompts")).load("parity")
    assert RULE in saved.messages[0].text
    assert len(endpoint.books.completions) == sent


@pytest.mark.usefixtures("no_runner", "database")
def test_too_few_cases_are_refused_with_what_to_do(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parity(endpoint, monkeypatch)
    table = Path("prompts/cases/parity.csv")
    table.write_text("\n".join(table.read_text("utf-8").splitlines()[:20]), "utf-8")
    assert "Under 40 cases nothing can be proved" in shown(opened(FILE, **ASKED))


@pytest.mark.usefixtures("no_runner")
def test_a_description_becomes_the_prompt_that_is_improved(
    endpoint: HostileServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parity(endpoint, monkeypatch)
    page = opened(FILE, **ASKED)
    page.text_area(key="improve_draft_task").set_value("Sort notes.")
    page = press(page, "improve_draft_start")
    run = runs.active_run(database)
    assert run is not None
    carried_out(database, run.id)
    page = ran(page)
    assert Library(Path("prompts")).load("my-prompt")[0].messages[0].text == "Sort the notes."
    assert page.selectbox(key="improve_prompt").value == "my-prompt"
