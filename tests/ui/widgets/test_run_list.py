"""The list of runs: a run gets a name, a note and marks."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from promptgrid.store import Database, runs
from tests.stored import Cell, store_run
from tests.ui.pages import press, ran, shown


def dialog() -> None:
    from promptgrid.store import Database, runs
    from promptgrid.ui.widgets import run_list

    run_list.edit_run(runs.find_run(Database(), "run00001"))


def test_a_run_gets_tags_and_is_a_favourite() -> None:
    store_run(Database(), [Cell()])
    page = ran(AppTest.from_function(dialog))
    page.multiselect(key="run_edit_tags").set_value(["production", "*slow*"])
    page.toggle(key="run_edit_favourite").set_value(True)
    press(page, "run_edit_save")
    run = runs.find_run(Database(), "run00001")
    assert (run.favourite, run.tags) == (True, ("production", "*slow*"))
    page.multiselect(key="run_edit_tags").set_value(["x" * 60])
    press(page, "run_edit_save")
    assert "too long" in shown(page)
    assert runs.find_run(Database(), "run00001").tags == ("production", "*slow*")
