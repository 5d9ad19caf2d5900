"""What a case expects can be changed after the run; what it expected before is kept, and comes back by undo."""

from __future__ import annotations

import pytest

from promptgrid.compare import facts
from promptgrid.errors import PlanError, StoreError
from promptgrid.store import Database, results, runs, scores
from promptgrid.store.cell_columns import case_texts
from promptgrid.store.expectations import ExpectedChange, change_expected, expected_changes, undo_expected
from promptgrid.store.schema import runs as runs_table
from tests.stored import Cell, store_run

CELLS = [Cell("1", score=1), Cell("1", status="failed"), Cell("2", score=1), Cell("1", answer="b", score=0)]


def expected(database: Database) -> list[str | None]:
    return [row.expected for row in results.result_rows(database, "run00001")]


def scored(database: Database) -> list[int]:
    rows = results.result_rows(database, "run00001")
    return [row.position for row in rows if row.scores]


def test_a_change_is_kept_and_takes_the_scores_of_its_case_away(database: Database) -> None:
    store_run(database, CELLS)
    stamp = facts(database, "run00001").stamp
    assert change_expected(database, "run00001", "1", "b") == [0, 3]
    assert expected(database) == ["b", "b", "a", "b"]
    assert scored(database) == [2]
    assert facts(database, "run00001").stamp != stamp
    ((change,),) = expected_changes(database, "run00001").values()
    assert change == ExpectedChange("a", "b", change.changed)
    assert {case.case_id: case.changed for case in case_texts(database, "run00001").values()} == {"1": True, "2": False}


def test_each_change_is_undone_in_turn(database: Database) -> None:
    store_run(database, CELLS)
    change_expected(database, "run00001", "1", None)
    change_expected(database, "run00001", "1", "c")
    assert change_expected(database, "run00001", "1", "c") == []
    assert undo_expected(database, "run00001", "1") == [0, 3]
    assert expected(database)[0] is None
    assert undo_expected(database, "run00001", "1") == [0, 3]
    assert expected(database)[0] == "a"
    assert undo_expected(database, "run00001", "1") == []
    assert expected_changes(database, "run00001") == {}


def test_a_run_that_is_active_and_a_case_that_is_not_there_are_refused(database: Database) -> None:
    store_run(database, CELLS)
    with pytest.raises(StoreError, match="no case '9'"):
        change_expected(database, "run00001", "9", "b")
    with database.write() as connection:
        connection.execute(runs_table.update().values(status="running"))
    with pytest.raises(PlanError, match="active"):
        change_expected(database, "run00001", "1", "b")
    assert expected(database)[0] == "a"


def test_changes_go_with_their_run(database: Database) -> None:
    store_run(database, CELLS)
    change_expected(database, "run00001", "1", "b")
    runs.delete(database, "run00001")
    assert runs.purge(database) == 1
    assert expected_changes(database, "run00001") == {}
    assert scores.totals(database, "run00001") == []
