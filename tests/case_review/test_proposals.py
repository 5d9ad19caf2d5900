"""Cases that a model proposes: what it reads, what becomes of its replies, and that none of them is ever sealed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from promptgrid.case_review.proposals import accept, proposals, proposing_plan, shared_out, take_back
from promptgrid.cases.duplicates import PROPOSED_BY
from promptgrid.cases.parts import parted
from promptgrid.cases.table import Case, read_cases
from promptgrid.cli import main
from promptgrid.errors import CasesError, StaleSave
from promptgrid.prompt import loads
from promptgrid.store import Database, runs
from tests.command import LABEL, write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

TABLE = Path("cases.csv")


def propose(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["propose", str(TABLE), *arguments], input=typed)


@pytest.fixture
def asked(endpoint: HostileServer) -> HostileServer:
    """A table of 40 cases, and a model that proposes: one good case, a copy, no object, and one without a text."""
    write_label(*(f"note number {n} on the weather,{('good', 'bad')[n % 2]}" for n in range(40)))
    replies = [json.dumps({"text": "a quite new remark"}), json.dumps({"text": "Note number 3  on the weather"})]
    replies += ["I cannot do that.", json.dumps({"text": ""})]

    def answer(body: dict[str, Any]) -> str:
        number = int(body["messages"][-1]["content"].split("Write number ")[1].split(",")[0])
        return replies[number - 1]

    endpoint.answer = answer
    return endpoint


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ASK = ("--prompt", "label.prompty", "--model", "openai/ok", "--count", "4", "--answer", "bad")


def test_a_proposal_that_is_accepted_joins_the_file_and_the_others_say_what_is_wrong_with_them(
    asked: HostileServer, database: Database
) -> None:
    result = propose(*ASK, typed="yes\n")
    assert result.exit_code == 0, result.output
    assert "1 of 1: text: a quite new remark · expected: bad" in result.output
    for problem in ("a copy of case 4", "without text"):
        assert f"left out: {problem}" in result.output
    assert len(rows()) == 41
    assert rows()[-1] == {"text": "a quite new remark", "expected": "bad", PROPOSED_BY: "openai/ok"}
    run_id = runs.find_run(database, "last").id
    assert [one.problem == "" for one in proposals(database, run_id, read_cases(TABLE).cases)] == [False] * 3
    assert asked.calls("ok") == 4


def test_what_is_refused_is_not_shown_again_and_what_is_put_off_is(asked: HostileServer) -> None:
    assert "0 cases added" in propose(*ASK, typed="later\n").output
    assert "0 cases added" in propose("--run", "last", typed="no\n").output
    assert "No proposal can be accepted" in propose("--run", "last").output
    assert len(rows()) == 40
    assert asked.calls("ok") == 4


def test_a_dry_run_states_the_price_and_sends_nothing(asked: HostileServer) -> None:
    result = propose(*ASK, "--dry-run")
    assert "4 cells" in result.output
    assert asked.calls("ok") == 0


def test_the_model_reads_the_prompt_and_cases_of_the_part_learn_alone(asked: HostileServer) -> None:
    cases = parted(read_cases(_written()).cases)
    plan = proposing_plan(cases, loads(LABEL, "label"), shared_out(60, ["good", "bad"]), "openai/ok", "cases.csv")
    texts = {json.loads(text)["text"] for case in plan.cases for text in case.inputs["shown"]}
    assert texts == {case.inputs["text"] for case in cases if case.part == "learn"}
    assert [case.inputs["asked_for"] for case in plan.cases] == ["good"] * 30 + ["bad"] * 30
    assert "You label." in plan.cases[0].inputs["task"]


def _written() -> Path:
    write_label(*(f"note number {n} on the weather,{('good', 'bad')[n % 2]}" for n in range(40)))
    return TABLE


def test_no_proposed_case_is_ever_sealed() -> None:
    own = [Case(str(n), {"text": f"own {n}"}, "a") for n in range(100)]
    proposed = [Case(str(n), {"text": f"new {n}", PROPOSED_BY: "m"}, "a") for n in range(100, 300)]
    copies = [Case(str(300 + n), {"text": f"own {n}", PROPOSED_BY: "m"}, "a") for n in range(100)]
    cases = parted([*own, *proposed, *copies])
    assert {case.part for case in cases[:100]} == {"learn", "choose", "prove"}
    assert {case.part for case in cases[100:]} == {"learn", "choose"}
    assert [case.part for case in parted(own)] == [case.part for case in cases[:100]]


def test_a_case_is_taken_back_unless_the_file_has_changed_since(asked: HostileServer, database: Database) -> None:
    propose(*ASK, typed="later\n")
    before = TABLE.read_bytes()
    run_id = runs.find_run(database, "last").id
    one, *others = proposals(database, run_id, read_cases(TABLE).cases)
    added = accept(TABLE, one)
    take_back(added)
    assert TABLE.read_bytes() == before
    added = accept(TABLE, one)
    TABLE.write_bytes(TABLE.read_bytes() + b'"mine","good",""\r\n')
    with pytest.raises(StaleSave, match="has changed since"):
        take_back(added)
    with pytest.raises(CasesError, match="cannot be accepted"):
        accept(TABLE, others[0])


def test_without_a_prompt_or_a_run_it_says_what_is_missing(asked: HostileServer) -> None:
    result = propose()
    assert result.exit_code == 2
    assert "Give --prompt NAME" in result.output
