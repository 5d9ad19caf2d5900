"""The review of a table, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid.store import Database
from promptgrid.store.across.parts import openings_of
from tests.command import RUN, promptgrid, write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


@pytest.fixture
def endpoint_that_knows(endpoint: HostileServer) -> None:
    """The model says "good" to even numbers and "bad" to odd ones; few-shot errs with every tenth."""

    def answer(body: dict[str, Any]) -> str:
        number, shown = int(body["messages"][-1]["content"]), len(body["messages"]) > 2
        return "good" if (number % 2 == 0) != (shown and number % 10 == 5) else "bad"

    endpoint.answer = answer


def table(count: int, wrong: int = -1) -> Path:
    rows = [f"{n},{'good' if (n % 2 == 0) != (n == wrong) else 'bad'}" for n in range(count)]
    write_label(*rows)
    return Path(RUN[RUN.index("--cases") + 1])


def reviewed(*arguments: str) -> dict[str, Any]:
    result = promptgrid("cases", *arguments, "--json")
    assert result.exit_code == 0, result.output
    record: dict[str, Any] = json.loads(result.stdout)
    return record


def test_a_small_table_can_prove_nothing_and_says_how_many_cases_are_missing(endpoint: HostileServer) -> None:
    about = reviewed(str(table(20)))
    assert about["advice"][0].startswith("Under 40 cases nothing can be proved, and these are 20, of which ")
    assert "in all, of which prove gets 30 %" in about["advice"][-1]
    assert endpoint.requests == []


def test_kinds_are_counted_by_part(endpoint: HostileServer) -> None:
    about = reviewed(str(table(60)))
    assert {kind["expected"]: sum(kind["parts"].values()) for kind in about["kinds"]} == {"good": 30, "bad": 30}
    assert [kind["apart"] for kind in about["kinds"]] == [None, None]
    assert not about["advice"][0].startswith("Under 40 cases")


@pytest.mark.usefixtures("endpoint_that_knows")
def test_a_run_names_the_label_that_may_be_wrong_and_the_kind_that_decides(database: Database) -> None:
    path = table(60, wrong=8)
    assert promptgrid(*RUN, "--technique", "zero-shot,few-shot", "--json").exit_code == 0
    opened = openings_of(database, ["label"])
    about = reviewed(str(path), "--run", "last")
    (suspect,) = about["suspects"]
    assert (suspect["expected"], suspect["answer"], suspect["agree"], suspect["variants"]) == ("bad", "good", 2, 2)
    assert any(one.startswith("Add cases whose answer is bad:") for one in about["advice"])
    assert openings_of(database, ["label"]) == opened

    table(60)  # the label is corrected: the same run no longer names it
    assert reviewed(str(path), "--run", "last")["suspects"] == []
    text = promptgrid("cases", str(path), "--run", "last").stdout
    assert "No expected answer looks wrong" in text
