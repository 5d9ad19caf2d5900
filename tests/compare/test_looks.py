"""A comparison that is made again over more replies knows that it was made before."""

from __future__ import annotations

from typing import Any

import pytest

from promptgrid.compare import Facts, facts
from promptgrid.compare.looks import look_of_two_runs
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.runs import RunInfo
from tests.running import a_plan, a_run, resumed

pytestmark = pytest.mark.usefixtures("endpoint")

TWO: dict[str, Any] = {"temperatures": [0.0, 1.0], "max_tokens": 4}


def look(database: Database, run_id: str) -> int:
    return facts(database, run_id).look


def test_more_cases_are_another_look_and_the_same_cases_again_are_not(database: Database) -> None:
    first, again = a_run(database, a_plan(words=3, **TWO)), a_run(database, a_plan(words=3, **TWO))
    more, most = a_run(database, a_plan(words=5, **TWO)), a_run(database, a_plan(words=8, **TWO))
    assert [look(database, run_id) for run_id in (first, again, more, most)] == [1, 1, 2, 3]


def test_more_samples_are_another_look(database: Database) -> None:
    run_id = a_run(database, a_plan(words=3, samples=2, **TWO))
    assert look(database, run_id) == 1
    client.extend(database, run_id, samples=4)
    resumed(database, run_id)
    assert look(database, run_id) == 2


def test_what_was_never_compared_was_never_looked_at(database: Database) -> None:
    a_run(database, a_plan(words=3, temperatures=[0.0], max_tokens=4))
    assert look(database, a_run(database, a_plan(words=5, **TWO))) == 1
    asked_afresh = a_run(database, a_plan(words=8, fresh=True, **TWO))
    assert look(database, asked_afresh) == 1


def test_two_runs_that_grow_are_looked_at_again(database: Database) -> None:
    def of_temperature(temperature: float, words: int) -> tuple[RunInfo, Facts]:
        run_id = a_run(database, a_plan(words=words, temperatures=[temperature], max_tokens=4))
        return runs.find_run(database, run_id), facts(database, run_id)

    a, b = of_temperature(0.0, 3), of_temperature(0.5, 3)
    more_a, more_b, late = of_temperature(0.0, 6), of_temperature(0.5, 6), of_temperature(1.0, 6)
    assert look_of_two_runs(database, a, b) == 1
    assert look_of_two_runs(database, more_a, more_b) == 2
    assert look_of_two_runs(database, more_a, late) == 1  # the first time that there were two
