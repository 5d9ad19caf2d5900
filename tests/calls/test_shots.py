"""Runs that vary the examples: what is sent, what is reused, and what a cell says of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api, grid
from promptgrid.errors import PlanError
from promptgrid.grid.planned_points import endpoints_of
from promptgrid.prompt import Example, Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, plans, runs
from promptgrid.store.results import result_rows
from tests.faults.server import HostileServer
from tests.running import a_run

TEXTS = ("red apple pie", "red apple tart", "blue car", "fast car race", "slow boat")
PROMPT = Prompt(
    "kinds",
    (Message("user", "Kind of {{ q }}?"),),
    examples=tuple(Example({"q": text}, f"kind {number}") for number, text in enumerate(TEXTS)),
)
CASES = [{"q": "a boat race", "expected": "x"}, {"q": "Blue car!", "expected": "x"}]


def plan(**settings: Any) -> Any:
    return api.plan(PROMPT, CASES, models="openai/ok", techniques=["zero-shot", "few-shot"], checks=[], **settings)


def asked(endpoint: HostileServer) -> list[str]:
    """The examples in each request, by the last word of their question."""
    bodies = [entry.body["messages"] for entry in endpoint.requests if entry.number]
    return [" ".join(turn["content"].rstrip("?").split()[-1] for turn in turns[:-1:2]) for turns in bodies]


def test_each_case_is_shown_the_chosen_examples_in_their_order(database: Database, endpoint: HostileServer) -> None:
    run_id = a_run(database, plan(shots=[0, 2], selectors=["first", "bm25"], concurrency=1))
    rows = list(result_rows(database, run_id))
    told = [
        (row.technique, row.parameters["shots"], row.parameters["selector"], row.examples_k, row.examples)
        for row in rows
        if row.case_id == "2"
    ]
    assert told == [
        ("zero-shot", None, None, 0, ""),  # one column: no example is shown
        ("few-shot", 0, None, 0, "none; left out: 3 (the case itself)"),
        ("few-shot", 2, "first", 2, "1, 2; left out: 3 (the case itself)"),
        ("few-shot", 2, "bm25", 2, "1, 4; left out: 3 (the case itself)"),
    ]
    assert sorted(asked(endpoint)) == sorted(["", "pie tart", "race boat", "", "pie tart", "pie race"])


def test_more_shots_send_only_the_new_cells(database: Database, endpoint: HostileServer) -> None:
    a_run(database, plan(shots=[1, 2], selectors=["random:seed=4"]))
    sent = len(asked(endpoint))
    a_run(database, plan(shots=[1, 2, 4], selectors=["random:seed=4"]))
    assert len(asked(endpoint)) == sent + len(CASES)


def test_a_run_that_is_taken_up_again_shows_the_same(database: Database, endpoint: HostileServer) -> None:
    run_id = client.submit(database, plan(shots=3, selector="diverse", shot_order="nearest-last"))
    stored, decided = runs.plan_of(database, run_id), plans.decided_of(database, run_id)
    again = [point.shown.text if point.shown else "" for point in grid.points(stored, endpoints_of(stored), decided)]
    assert again == [row.examples for row in result_rows(database, run_id)]


def test_examples_come_from_the_part_learn_of_a_table(
    database: Database, endpoint: HostileServer, tmp_path: Path
) -> None:
    table = tmp_path / "pool.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["q", "expected", "other"])
        writer.writerows([[f"thing number {n * n}", f"kind {n}", "x"] for n in range(40)])
    made = plan(examples_from=table, shots=2)
    pool = made.prompts[0].examples
    assert 8 <= len(pool) <= 24
    learned = api.plan(PROMPT, table, part="learn", checks=[]).cases
    assert [one.inputs["q"] for one in pool] == [case.inputs["q"] for case in learned]
    assert {tuple(one.inputs) for one in pool} == {("q",)}
    with pytest.raises(PlanError, match="examples and shots"):
        plan(examples_k=1, shots=2)
