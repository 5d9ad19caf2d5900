"""A run without a model: queued, and its outcomes committed as a runner does."""

from __future__ import annotations

from typing import Any

from promptgrid.cases.table import Case
from promptgrid.endpoint import Reply, ScriptedEndpoint
from promptgrid.grid import Plan, Point, decide, points
from promptgrid.grid.planned_points import PlannedPoint
from promptgrid.prompt import Example, Message, Prompt
from promptgrid.store import Database, commits, creation, runs
from promptgrid.store.commits import CellOutcome, CellResult, Group, ReplyOrigin
from promptgrid.tokens import Count

HOSTILE = "a\ud800\x00`<b>` 我 \u2028"
GREETING = Prompt("greet", (Message("user", "Hi {{ name }}"),), examples=(Example({"name": "007"}, "no"),))


def greeting_plan(**changes: Any) -> Plan:
    cases = (Case("1", {"name": "Ada"}, "x"), Case("b", {"name": HOSTILE}, None))
    return Plan.of(**{"prompts": (GREETING,), "cases": cases, "models": ("openai/m",), **changes})


def grid_points(plan: Plan) -> list[Point]:
    return list(points(plan, {"openai": ScriptedEndpoint(["x"], name="openai")}, decide(plan)))


def queued(database: Database, plan: Plan, limit: int | None = None) -> str:
    planned = [PlannedPoint(one, Count(10, True), limit) for one in grid_points(plan)]
    return creation.create_run(database, plan, decide(plan), planned)


def pending(database: Database, run_id: str) -> dict[commits.CellName, int]:
    all_points = grid_points(runs.plan_of(database, run_id))
    of_cases = list({one.case_position for one in all_points})
    return commits.pending(database, run_id, of_cases, [one.key for one in all_points])


def answered(
    position: int, text: str = "hello", *, run_id: str = "r", cost: float | None = 0.5, key: str = "k",
    sample: int = 0, **reply: Any,
) -> CellOutcome:  # fmt: skip
    row = commits.reply_row(
        Reply(text, prompt_tokens=4, completion_tokens=2, sent={"model": "m"}, **reply),
        ReplyOrigin(key, "run", "openai", "m", cost, sample, run_id),
    )
    return CellOutcome(CellResult(position, "answered", attempts=1), reply=row)


def answer_all(database: Database, run_id: str, text: str = "hello") -> None:
    epoch = commits.claim(database, run_id)
    outcomes = [
        answered(at, text, run_id=run_id, key=name.key, sample=name.sample)
        for name, at in pending(database, run_id).items()
    ]
    commits.commit(database, run_id, epoch, Group(outcomes))
    commits.end(database, run_id, epoch, "finished")
