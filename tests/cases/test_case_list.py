"""What is asked about all cases of a plan, in packed cases and in those of the database."""

import pytest

from promptgrid.cases.case_list import case_list
from promptgrid.cases.table import Case
from promptgrid.errors import StoreError
from promptgrid.grading import parse_check
from promptgrid.store import Database, runs
from tests.commits import greeting_plan, queued

SHORT = parse_check("short=length:max=5")


def many() -> list[Case]:
    cases = [Case(str(number), {"name": f"Ada {number}"}) for number in range(1203)]
    return [*cases, Case("b", {"name": "Bo", "age": 7, "tags": ["x"]}, "no", "learn", (SHORT,))]


def test_packed_cases_are_the_cases_and_know_their_columns_answers_and_checks() -> None:
    packed = case_list(many())
    assert packed == many()
    assert packed != many()[:-1]
    assert packed != [*many()[:-1], many()[0]]
    assert dict(packed.columns) == {"name": 1204, "age": 1, "tags": 1}
    assert packed.has_expected
    assert dict(packed.own_checks) == {"short": 1}
    assert packed.repeated_id == ""


@pytest.mark.parametrize("places", [(0, 1), (0, 1203), (700, 701)])
def test_an_id_that_two_cases_have_is_found(places: tuple[int, int]) -> None:
    cases = many()
    cases[places[1]] = Case(cases[places[0]].id, {"name": "again"})
    assert case_list(cases).repeated_id == cases[places[0]].id


@pytest.mark.usefixtures("openai")
def test_cases_of_the_database_are_those_of_the_plan(database: Database) -> None:
    run_id = queued(database, greeting_plan(cases=many()))
    stored = case_list(runs.plan_of(database, run_id).cases)
    assert stored == many()
    assert [stored[0], stored[-1], stored[501]] == [many()[at] for at in (0, -1, 501)]
    assert list(stored[498:503]) == many()[498:503]
    assert dict(stored.columns) == dict(case_list(many()).columns)
    assert stored.has_expected
    assert dict(stored.own_checks) == {"short": 1}


@pytest.mark.usefixtures("openai")
def test_cases_of_a_removed_run_are_an_error_and_not_an_empty_table(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    plan = runs.plan_of(database, run_id)
    runs.forget(database, run_id)
    with pytest.raises(StoreError, match="removed"):
        list(plan.cases)
