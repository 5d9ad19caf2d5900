import pytest

from promptgrid.budget import Budget, BudgetReached, Cost, Wall, parse_budget
from promptgrid.errors import PlanError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("2.50usd", Budget(2.5, "usd")),
        ("2.5", Budget(2.5, "usd")),
        ("$2", Budget(2, "usd")),
        ("100000tok", Budget(100000, "tok")),
        ("500 calls", Budget(500, "calls")),
        ("30min", Budget(30, "min")),
        ("", None),
    ],
)
def test_budgets_are_read(text: str, budget: Budget | None) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["two", "2eur", "-1", "1e3", "usd"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="is not a budget"):
        parse_budget(text)


def test_the_worst_case_never_crosses_the_wall() -> None:
    wall = Wall(Budget(1.0, "usd"))
    wall.reserve(Cost(0.6, None))
    with pytest.raises(BudgetReached, match="1 usd"):
        wall.reserve(Cost(0.6, None))
    wall.settle(Cost(0.6, None), Cost(0.1, None))
    wall.reserve(Cost(0.6, None))
    assert wall.spent == pytest.approx(0.7)


def test_a_lost_attempt_keeps_its_reservation() -> None:
    wall = Wall(Budget(2, "calls"))
    wall.reserve(Cost(None, None))
    wall.reserve(Cost(None, None))
    with pytest.raises(BudgetReached):
        wall.reserve(Cost(None, None))


def test_a_limit_of_calls_holds_beside_a_budget() -> None:
    wall = Wall(Budget(1.0, "usd"), max_calls=2)
    wall.reserve(Cost(0.1, None))
    wall.reserve(Cost(0.1, None))
    with pytest.raises(BudgetReached, match="limit of 2 calls is reached"):
        wall.reserve(Cost(0.1, None))
    assert wall.spent == pytest.approx(0.2)
    wall.settle(Cost(0.1, None), Cost(0.0, 0, 0))  # refused before it was paid
    wall.reserve(Cost(0.1, None))
    with pytest.raises(BudgetReached, match="1 usd"):
        Wall(Budget(1.0, "usd"), max_calls=2).reserve(Cost(2.0, None))
    kept = Wall(None, max_calls=3)
    kept.add(Cost(None, None, 3))
    with pytest.raises(BudgetReached, match="limit of 3 calls"):
        kept.reserve(Cost(None, None))


def test_an_unknown_cost_is_not_zero() -> None:
    with pytest.raises(BudgetReached, match="price is not known"):
        Wall(Budget(100, "usd")).reserve(Cost(None, 10))
    with pytest.raises(BudgetReached, match="Set max tokens"):
        Wall(Budget(100, "tok")).reserve(Cost(None, None))
    Wall(None).reserve(Cost(None, None))
