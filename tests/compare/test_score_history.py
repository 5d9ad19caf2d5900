"""A prompt's scores over time are those of the comparison of each run."""

from __future__ import annotations

from promptgrid import compare
from promptgrid.compare.score_history import score_history
from promptgrid.store import Database, runs, schema
from tests.stored import Cell, store_run


def scored(run_id: str, database: Database, created: float, *run_cells: Cell) -> None:
    store_run(database, run_cells, run_id=run_id)
    with database.write() as connection:
        connection.execute(schema.runs.update().where(schema.runs.c.id == run_id).values(created=created))


def test_the_scores_of_each_run_and_version_stand_in_the_order_of_time(database: Database) -> None:
    scored("bbbbbbbb", database, 20.0, Cell("1", version="v2", score=1), Cell("2", version="v2", score=1))
    scored("aaaaaaaa", database, 10.0, Cell("1", score=1), Cell("2", score=0), Cell("1", prompt="other", score=0))
    scored("cccccccc", database, 30.0, Cell("1", prompt="other", score=0))
    scored("dddddddd", database, 40.0, Cell("1", version="v2", score=None))
    history = score_history(database, "p")
    assert [(s.run_id, s.version, s.score, s.scored) for s in history] == [
        ("aaaaaaaa", "v1", 0.5, 2), ("bbbbbbbb", "v2", 1.0, 2),
    ]  # fmt: skip
    assert history[0].line == history[1].line == "zero-shot · t = 0 · e/m"
    assert history[0].score == compare.summary(database, "aaaaaaaa")[0].score
    assert [s.run_id for s in score_history(database, "p", most_runs=2)] == ["bbbbbbbb"]
    runs.delete(database, "bbbbbbbb")
    assert [s.run_id for s in score_history(database, "p")] == ["aaaaaaaa"]
