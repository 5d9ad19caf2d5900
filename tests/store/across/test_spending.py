"""What all replies cost, by month and model."""

from __future__ import annotations

from datetime import UTC, datetime

from promptgrid.store import Database
from promptgrid.store.across.spending import MonthSpending, spending
from promptgrid.store.schema import replies
from tests.stored import Cell, store_run


def at_time(database: Database, run_id: str, when: datetime) -> None:
    with database.write() as connection:
        connection.execute(replies.update().where(replies.c.run_id == run_id).values(created=when.timestamp()))


def test_costs_are_summed_by_month_and_model(database: Database) -> None:
    cheap, dear = Cell(model="cheap", cost_usd=0.25), Cell(model="dear", cost_usd=2.0)
    store_run(database, [cheap, cheap, dear], run_id="aaaaaaaa")
    at_time(database, "aaaaaaaa", datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
    store_run(database, [cheap, Cell(model="cheap", cost_usd=None, prompt_tokens=None)], run_id="bbbbbbbb")
    at_time(database, "bbbbbbbb", datetime(2026, 3, 1, tzinfo=UTC))
    assert spending(database) == [
        MonthSpending("2026-03", "e/cheap", 2, 1, 0.25, 10, 4),
        MonthSpending("2026-02", "e/dear", 1, 0, 2.0, 10, 2),
        MonthSpending("2026-02", "e/cheap", 2, 0, 0.5, 20, 4),
    ]


def test_a_prompt_that_brought_several_replies_counts_once(database: Database) -> None:
    run_id = store_run(database, [Cell(prompt_tokens=10)] * 3)
    with database.write() as connection:
        connection.execute(replies.update().where(replies.c.run_id == run_id).values(batch=3))
    (line,) = spending(database)
    assert (line.replies, line.prompt_tokens) == (3, 10)


def test_a_price_that_is_not_known_is_not_in_the_sum(database: Database) -> None:
    store_run(database, [Cell(cost_usd=None)])
    (line,) = spending(database)
    assert (line.replies, line.unpriced, line.cost_usd) == (1, 1, 0.0)


def test_without_replies_there_are_no_costs(database: Database) -> None:
    assert spending(database) == []
