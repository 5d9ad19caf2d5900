"""Costs in words: dated, or said to be of an unknown date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from promptgrid.grid.estimate import Estimate
from promptgrid.grid.preflight import ModelPreflight, model_preflight
from promptgrid.models import ModelFacts
from promptgrid.runner import phrases

PAID = Estimate(calls=1, asked=1, cost_floor=0.5, cost_ceiling=0.5, free=False)
TODAY, OLD = date.today(), date.today() - timedelta(days=366)


def priced(day: str, *, free: bool = False) -> ModelPreflight:
    facts = ModelFacts("m", input_price=Decimal(1), output_price=Decimal(1), price_date=day, free=free)
    return model_preflight("e/m", facts, PAID)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ([f"{TODAY}"], f"$0.5000 (price of {TODAY})"),
        ([""], "$0.5000 (price date not known)"),
        ([f"{OLD}"], f"≈ $0.5000 (price of {OLD}, over a year old)"),
        ([f"{TODAY}", f"{OLD}"], f"≈ $0.5000 (prices of {OLD}, over a year old)"),
        ([f"{TODAY}", ""], f"$0.5000 (prices of {TODAY}; the date of a price is not known)"),
    ],
)
def test_a_cost_says_how_old_its_price_is_and_an_old_one_is_not_exact(dates: list[str], words: str) -> None:
    assert phrases.dated_cost(PAID, [priced(day) for day in dates]) == words


def test_fewer_calls_than_replies_are_explained() -> None:
    assert phrases.for_replies(Estimate(calls=36, asked=72)) == " for 72 replies"
    assert phrases.for_replies(Estimate(calls=200, asked=40)) == ""
    assert phrases.for_replies(Estimate(calls=0, answered=72)) == ""


def test_what_is_free_or_has_no_price_has_no_date() -> None:
    free = priced("", free=True)
    assert phrases.dated_cost(free, [free]) == "free"
    unknown = model_preflight("e/m", ModelFacts("m"), replace(PAID, cost_floor=None))
    assert phrases.dated_cost(unknown, [unknown]) == "price not known"
