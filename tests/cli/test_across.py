"""What the command line says of all runs: which replies contain a text, and what they cost."""

from __future__ import annotations

import json

from promptgrid.store import Database
from tests.command import promptgrid
from tests.stored import Cell, store_run


def test_replies_of_all_runs_are_searched() -> None:
    store_run(Database(), [Cell("1", output="today 天气 is fine"), Cell("2", output="\x1b[31mno weather")])
    listed = promptgrid("search", "天气").stdout
    assert "run00001" in listed
    assert "today 天气 is fine" in listed
    assert "case  sample  variant" in listed
    (match,) = json.loads(promptgrid("search", "WEATHER", "--json").stdout)
    assert (match["case_id"], match["variant"]["technique"]) == ("2", "zero-shot")
    assert "\x1b" not in promptgrid("search", "weather").stdout
    assert "--limit" in promptgrid("search", "a", "--limit", "1").stdout
    assert "No reply contains it" in promptgrid("search", "nothing like it").stdout


def test_costs_are_listed_by_month_and_model() -> None:
    assert "No replies yet" in promptgrid("costs").stdout
    prices = [("a", 0.25), ("a", 0.5), ("b", None), ("c", 0.0)]
    store_run(Database(), [Cell(model=model, cost_usd=price) for model, price in prices])
    head, first, *others = promptgrid("costs").stdout.splitlines()
    assert head.split() == [
        "month",
        "model",
        "replies",
        "prompt",
        "tokens",
        "reply",
        "tokens",
        "cost,",
        "US$",
        "price",
        "not",
        "known",
    ]
    assert first.split() == ["1970-01", "e/a", "2", "20", "4", "0.7500"]
    assert ["1970-01", "e/b", "1", "10", "2", "–", "1"] in map(str.split, others)
    assert ["1970-01", "e/c", "1", "10", "2", "free"] in map(str.split, others)
    assert [line["cost_usd"] for line in json.loads(promptgrid("costs", "--json").stdout)] == [0.75, 0.0, 0.0]
