"""The remarks below the summary of a run."""

from promptgrid.compare import run_remarks
from promptgrid.store import Database
from tests.stored import Cell, store_run


def test_pass_at_k_below_the_score_is_explained(database: Database) -> None:
    cells = [Cell("1", score=0.8), Cell("1", score=0.8), Cell("2", score=1.0), Cell("2", score=0.9)]
    (sentence,) = run_remarks(database, store_run(database, cells))
    assert sentence == (
        "pass@2 stands below the score of zero-shot · t = 0: it counts a reply only if it scores 1, where the score"
        " counts parts too, and leaves out cases with fewer than 2 scored replies."
    )
    assert run_remarks(database, store_run(database, [Cell(score=1.0), Cell(score=0.0)], run_id="run00002")) == []
