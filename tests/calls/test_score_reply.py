"""From a reply to its cell: its reasoning comes along, and no reply ends more than its own cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import answers, api
from promptgrid.calls import score_reply
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database
from promptgrid.store.results import result_rows
from tests.running import a_run, resumed, statuses

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")
COUNT = Prompt("count", (Message("user", "{{ word }}"),), answer=AnswerRule("number"))
NUMBER_OF_AN_ODD_SCRIPT = "\U0001ccf2"  # a digit for `regex`, and none for `int`


def plan_of(words: list[str], model: str = "ok", **changes: Any) -> Any:
    cases = [{"word": word, "expected": "1"} for word in words]
    return api.plan(COUNT, cases, models=f"openai/{model}", **changes)


def test_reasoning_in_a_field_of_its_own_is_in_the_cell_and_in_the_reused_one(
    database: Database, hostile: HostileServer
) -> None:
    for _ in range(2):
        (row,) = result_rows(database, a_run(database, plan_of(["1"], "reasoning")))
        assert (row.reasoning, row.answer, row.output) == ("Six times seven.", "42", "42")
    assert hostile.calls("reasoning") == 1


def test_whatever_raises_ends_its_own_cell_with_the_reason(
    database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = answers.read_answer

    def raises(rule: AnswerRule, text: str, **options: Any) -> Any:
        if "two" in text:
            raise ValueError("no digit at all")
        return real(rule, text, **options)

    monkeypatch.setattr(score_reply, "read_answer", raises)
    run_id = a_run(database, plan_of(["1", "two", "3"]))
    assert statuses(database, run_id) == {"answered": 2, "failed": 1}
    (failed,) = [row for row in result_rows(database, run_id) if row.status == "failed"]
    assert (failed.error_kind, "ValueError: no digit at all" in (failed.error or "")) == ("unread", True)
    again = a_run(database, plan_of(["1", "two", "3"]))  # reuses the replies
    assert statuses(database, again) == {"answered": 2, "failed": 1}
    monkeypatch.setattr(score_reply, "read_answer", real)
    assert resumed(database, run_id) == "finished"
    assert statuses(database, run_id) == {"answered": 3}
    assert hostile.calls("ok") == 3  # the reply was kept


def test_a_reply_of_odd_digits_ends_no_run(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: f"It is {NUMBER_OF_AN_ODD_SCRIPT}."
    run_id = a_run(database, plan_of(["1", "2"]))
    assert sum(statuses(database, run_id).values()) == 2
    assert "pending" not in statuses(database, run_id)
