"""Sums that a scripted model solves only with a critique, as runs over real sockets."""

from __future__ import annotations

from typing import Any

from promptgrid import api
from promptgrid.compare.worth import Worth, worth
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database
from tests.running import carried_out

PROMPT = Prompt("sum", (Message("user", "What is {{ sum }}?"),), answer=AnswerRule("number"))
CASES = [{"sum": f"{n}+1", "expected": str(n + 1)} for n in range(8)]


def refining(body: dict[str, Any]) -> str:
    """Right at once for even numbers; for odd ones only once a critique stands in the request."""
    said = body["messages"][-1]["content"]
    first = int(body["messages"][0]["content"].split()[2].split("+")[0])
    if "Check your reply" in said:
        return "One too few."
    return f"Answer: {first + 1 if first % 2 == 0 or 'One too few' in said else first}"


def run_of(database: Database, **changes: Any) -> tuple[str, list[Worth]]:
    plan = api.plan(PROMPT, CASES, models="openai/ok", **changes)
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return run_id, worth(database, run_id)
