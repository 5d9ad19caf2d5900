"""A try carries out all calls of its technique, over real sockets against the hostile endpoint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api
from promptgrid.calls.single import try_point
from promptgrid.calls.tried import TriedCell
from promptgrid.errors import EndpointError
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database
from promptgrid.store.stored_replies import stored_replies

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")


def a_try(technique: str) -> TriedCell:
    prompt = Prompt("sum", (Message("user", "What is {{ sum }}?"),), answer=AnswerRule("number"))
    plan = api.plan(prompt, [{"sum": "1+2", "expected": "3"}], models="openai/ok", techniques=technique)
    return TriedCell(plan, try_point(plan))


def refining(body: dict[str, Any]) -> str:
    last = body["messages"][-1]["content"]
    return "One too many." if "Check your reply" in last else "Answer: 3" if "One too many" in last else "Answer: 4"


def test_a_try_makes_all_calls_and_stores_each_as_a_try(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    cell = a_try("self-refine:rounds=1")
    asyncio.run(cell.carry_out(database))
    assert [step.call.ask.step for step in cell.steps] == ["draft", "critique 1", "refine 1"]
    assert [step.text for step in cell.steps] == ["Answer: 4", "One too many.", "Answer: 3"]
    assert cell.output is cell.steps[2]
    keys = [f"try:{step.point.key}" for step in cell.steps]
    assert {key for key, _ in stored_replies(database, keys)} == {*keys}


def test_calls_of_one_round_are_sent_side_by_side(database: Database, hostile: HostileServer) -> None:
    texts = iter(["Answer: 4", "Answer: 3", "Answer: 3"])
    hostile.answer = lambda body: next(texts)
    cell = a_try("best-of-n:choose=vote")
    asyncio.run(cell.carry_out(database))
    assert {step.call.round for step in cell.steps} == {0}
    assert cell.output is not None
    assert cell.output.text == "Answer: 3"


def test_a_failed_call_ends_the_try_and_keeps_the_replies_before_it(database: Database, hostile: HostileServer) -> None:
    hostile.answer = refining
    hostile.from_call(2, "server-error")
    cell = a_try("self-refine:rounds=1")
    with pytest.raises(EndpointError):
        asyncio.run(cell.carry_out(database))
    assert [step.text for step in cell.steps] == ["Answer: 4", ""]
    assert cell.output is None
