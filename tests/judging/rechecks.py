"""What tests of judges share: a run whose answers are numbers, checked anew, and what was asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from promptgrid import api
from promptgrid.grading import parse_check
from promptgrid.grid import Plan
from promptgrid.judging import rescore
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, results
from tests.faults.server import HostileServer

ADD = Prompt("add", (Message("user", "Add {{ a }} and 1."),), answer=AnswerRule("number"))


def a_plan(prompts: Iterable[Prompt] = (ADD,), **changes: Any) -> Plan:
    """Three cases: where the answer is 2, right, wrong, and without an expected answer."""
    cases = [{"a": "1", "expected": "2"}, {"a": "2", "expected": "3"}, {"a": "3"}]
    return api.plan(tuple(prompts), cases, models="openai/m", **changes)


def rechecked(database: Database, run_id: str, *add: str, remove: Iterable[str] = (), **options: Any) -> None:
    fresh, checks = options.pop("fresh", False), [parse_check(text) for text in add]
    planned = rescore.plan_recheck(database, run_id, add=checks, remove=tuple(remove), fresh=fresh)
    rescore.carry_out(database, planned, **options)


def values(database: Database, run_id: str) -> dict[str, list[float | None]]:
    """The scores by check, in the order of the cells."""
    values: dict[str, list[float | None]] = {}
    for row in results.result_rows(database, run_id):
        for check, score in row.scores.items():
            values.setdefault(check, []).append(score.value)
    return values


def completions(hostile: HostileServer) -> list[str]:
    """The models that were asked, in turn."""
    return [request.body["model"] for request in hostile.requests if request.path.endswith("/completions")]
