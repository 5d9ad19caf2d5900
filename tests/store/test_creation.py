"""What a new run has in the database before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptgrid.store import Database, results, runs
from tests.commits import greeting_plan, pending, queued

pytestmark = pytest.mark.usefixtures("openai")


def test_a_run_has_the_name_of_its_plan_else_one_made_of_its_axes(database: Database) -> None:
    plan = greeting_plan(temperatures=(0.0, 1.0))
    assert runs.find_run(database, queued(database, plan)).name == f"{plan.prompts[0].name} × 2 temperatures"
    assert runs.find_run(database, queued(database, replace(plan, name="first"))).name == "first"


def test_cells_that_do_not_fit_end_at_once_and_are_never_pending(database: Database) -> None:
    run_id = queued(database, greeting_plan(max_tokens=5), limit=12)
    rows = list(results.result_rows(database, run_id))
    assert {row.status for row in rows} == {"too_long"}
    assert "over the limit of 12" in rows[0].error
    assert pending(database, run_id) == {}
