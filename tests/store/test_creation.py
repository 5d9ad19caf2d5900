"""What a new run has in the database before anything is sent."""

from __future__ import annotations

import pytest

from promptgrid.store import Database, results
from tests.commits import greeting_plan, pending, queued

pytestmark = pytest.mark.usefixtures("openai")


def test_cells_that_do_not_fit_end_at_once_and_are_never_pending(database: Database) -> None:
    run_id = queued(database, greeting_plan(max_tokens=5), limit=12)
    rows = list(results.result_rows(database, run_id))
    assert {row["status"] for row in rows} == {"too_long"}
    assert "over the limit of 12" in rows[0]["error"]
    assert pending(database, run_id) == {}
