"""The cell that is selected in the table."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.compare import View, comparison_rows, facts, page
from promptgrid.export.tables import verdict
from promptgrid.store import Database
from promptgrid.ui.compare.cells import state_of
from tests.stored import Cell, store_run


def matrix_page() -> None:
    import streamlit as st

    from promptgrid.ui.compare import matrix

    cells = [
        matrix.MatrixCell("yes", "yes", "2 of 2", "right"),
        matrix.MatrixCell("no", "No, since", "1 of 2", "wrong", True),
    ]
    columns = [matrix.MatrixColumn("a", ["zero-shot"]), matrix.MatrixColumn("b", ["few-shot"], "50 %")]
    picked = matrix.matrix("m", columns=columns, rows=[matrix.MatrixRow("1", "case", "", cells)], selected=("1", "a"))
    st.text(f"picked {picked}")


def picked(app: AppTest) -> str:
    assert not app.exception
    return app.text[0].value


def test_matrix_starts_where_the_page_says() -> None:
    assert picked(AppTest.from_function(matrix_page, default_timeout=60).run()) == "picked ('1', 'a')"


@pytest.mark.parametrize(
    ("state", "expected"), [(["1", "b"], "('1', 'b')"), ([], "None"), (["gone", "b"], "None"), (["1", "gone"], "None")]
)
def test_matrix_returns_what_was_chosen_if_it_is_shown(state: list[str], expected: str) -> None:
    app = AppTest.from_function(matrix_page, default_timeout=60)
    app.session_state["m"] = {"selected": state}
    assert picked(app.run()) == f"picked {expected}"


def test_passed_checks_of_a_reply_without_a_readable_answer_are_not_called_right(database: Database) -> None:
    """The check of the answer has no score there; only those of the case have one."""
    run_id = store_run(database, [Cell("1", answer=None, score=1.0), Cell("2", answer="a", score=1.0)])
    rows = page(database, comparison_rows(database, facts(database, run_id), View()), 0, 9)
    unread, read = (next(iter(row.entries.values())) for row in rows)
    assert (state_of(unread), verdict(unread)) == ("partly", "checks passed")
    assert (state_of(read), verdict(read)) == ("right", "right")
