"""The remarks below the summary of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptgrid.compare import run_remarks
from promptgrid.store import Database
from promptgrid.store.cell_columns import counted_and_reported
from tests.stored import Cell, store_run
from tests.sums import refining, run_of

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


def test_pass_at_k_below_the_score_is_explained(database: Database) -> None:
    cells = [Cell("1", score=0.8), Cell("1", score=0.8), Cell("2", score=1.0), Cell("2", score=0.9)]
    (sentence,) = run_remarks(database, store_run(database, cells))
    assert sentence == (
        "pass@2 stands below the score of zero-shot · t = 0: it counts a reply only if it scores 1, where the score"
        " counts parts too, and leaves out cases with fewer than 2 scored replies."
    )
    assert run_remarks(database, store_run(database, [Cell(score=1.0), Cell(score=0.0)], run_id="run00002")) == []


def test_the_count_of_a_first_step_is_not_compared_with_the_usage_of_the_last(
    database: Database, endpoint: HostileServer
) -> None:
    endpoint.answer = refining
    run_id, _ = run_of(database, techniques=["chain-of-thought", "self-refine:rounds=1"])
    ((replies, _, _),) = counted_and_reported(database, run_id).values()
    assert replies == 8  # of the one technique with one call a cell
