"""What a new run has in the database before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from promptgrid.errors import StoreError
from promptgrid.store import Database, creation, results, runs
from promptgrid.store.dialects.backend import Backend
from promptgrid.store.schema import cells
from promptgrid.store.schema import runs as runs_table
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


@pytest.mark.parametrize(("seed", "at_once"), [(7, 200), (None, 200), (7, 1)])
def test_every_sample_has_a_cell_of_its_own_with_a_seed_that_counts_on(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int | None, at_once: int
) -> None:
    monkeypatch.setattr(creation, "_POINTS", at_once)
    run_id = queued(database, greeting_plan(samples=3, seed=seed, max_tokens=9, temperatures=(0.0, 0.5)))
    with database.read() as connection:
        names = ("position", "case_position", "temperature", "sample", "seed", "max_tokens")
        rows = connection.execute(sa.select(*(cells.c[name] for name in names)).order_by(cells.c.position)).all()
    points = [(case, temperature) for case in (0, 1) for temperature in (0.0, 0.5)]
    each = [(case, temperature, sample) for case, temperature in points for sample in (0, 1, 2)]
    assert [tuple(row) for row in rows] == [
        (position, case, temperature, sample, None if seed is None else seed + sample, 9)
        for position, (case, temperature, sample) in enumerate(each)
    ]
    assert runs.find_run(database, run_id).total == 12


def test_a_run_whose_cells_cannot_all_be_written_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lots: list[int] = []
    insert = creation._insert_points

    def full(backend: Backend, count: int) -> str:
        lots.append(count)
        if len(lots) == 2:
            raise OSError(28, "the disk is full")
        return insert(backend, count)

    monkeypatch.setattr(creation, "_INSERT_ROWS", 1)
    monkeypatch.setattr(creation, "_insert_points", full)
    with pytest.raises(StoreError, match="disk is full"):
        queued(database, greeting_plan(temperatures=(0.0, 0.5)))
    assert lots == [1, 1]
    with database.read() as connection:
        for table in (runs_table, cells):
            assert not connection.execute(sa.select(table)).all()
