"""Reads the replies to score, replaces their scores, and changes the checks of a run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from promptgrid.cases.own_checks import own_checks
from promptgrid.grading import CheckSpec, Score
from promptgrid.grid import Plan
from promptgrid.prompt.tools import ToolCall, calls_from
from promptgrid.store import runs as runs_store
from promptgrid.store.database import Database, Row, storable, write_many
from promptgrid.store.plans import plan_json
from promptgrid.store.schema import cases, cells, replies, scores, steps

CHUNK = 200  # replies


@dataclass(frozen=True, slots=True)
class Answered:
    """A cell that has a reply, with everything that a check may read. `request` is the request body as sent,
    `tool_calls` are the calls of tools in all replies of the cell.

    `own` has the checks that the table of cases sets for this case alone. `scored` has the names of the checks that
    have already given the cell a score; a check that failed with an error is not among them.
    """

    position: int
    prompt: str
    prompt_version: str
    output: str
    answer: str | None
    answer_note: str
    expected: str | None
    inputs: Mapping[str, Any]
    request: Mapping[str, object]
    tool_calls: Sequence[ToolCall]
    own: Sequence[CheckSpec]
    scored: frozenset[str]


@dataclass(frozen=True, slots=True)
class CellScore:
    """A score of one cell, and the id of the judge's reply that gave the score (None: no model did)."""

    position: int
    score: Score
    judge_reply_id: int | None = None


def answered(database: Database, run_id: str, positions: Collection[int] | None = None) -> Iterator[list[Answered]]:
    """Yields the run's cells that have a reply, in the grid's order, in lists of some hundred. `positions` selects
    cells (None: all)."""
    of_cell = (cells.c.position, cells.c.prompt, cells.c.prompt_version, cells.c.answer, cells.c.answer_note)
    columns = (*of_cell, replies.c.text.label("output"))
    query = (
        sa.select(
            *columns,
            replies.c.request,
            replies.c.tool_calls,
            cases.c.inputs,
            cases.c.expected,
            cases.c.checks.label("own"),
        )
        .join(replies, cells.c.reply_id == replies.c.id)
        .join(cases, (cases.c.run_id == cells.c.run_id) & (cases.c.position == cells.c.case_position))
        .where(cells.c.run_id == run_id, cells.c.status == "answered")
        .order_by(cells.c.position)
        .limit(CHUNK)
    )
    if positions is not None:
        wanted = sorted(positions)
        for start in range(0, len(wanted), CHUNK):
            yield _read(database, run_id, query.where(cells.c.position.in_(wanted[start : start + CHUNK])))
        return
    after = -1
    while chunk := _read(database, run_id, query.where(cells.c.position > after)):
        yield chunk
        after = chunk[-1].position


def _read(database: Database, run_id: str, query: sa.Select[Any]) -> list[Answered]:
    with database.read() as connection:  # closed between chunks: a judge may take minutes per chunk
        rows = connection.execute(query).all()
        positions = [row.position for row in rows]
        scored, of_steps = _scored(connection, run_id, positions), _calls_of_steps(connection, run_id, positions)
    return [
        Answered(
            **row._asdict()
            | {
                "inputs": json.loads(row.inputs),
                "request": json.loads(row.request),
                "tool_calls": of_steps.get(row.position) or calls_from(row.tool_calls),
                "own": own_checks(row.own, f"cell {row.position}"),
            },
            scored=scored.get(row.position, frozenset()),
        )
        for row in rows
    ]


def _scored(connection: sa.Connection, run_id: str, positions: Sequence[int]) -> Mapping[int, frozenset[str]]:
    mine = (scores.c.run_id == run_id) & scores.c.position.in_(positions) & ~scores.c.failed
    checks: dict[int, set[str]] = defaultdict(set)
    for position, check in connection.execute(sa.select(scores.c.position, scores.c.check).where(mine)):
        checks[position].add(check)
    return {position: frozenset(names) for position, names in checks.items()}


def _calls_of_steps(
    connection: sa.Connection, run_id: str, positions: Sequence[int]
) -> Mapping[int, Sequence[ToolCall]]:
    """Returns by position the calls of tools in all replies of those cells that made several calls of a model."""
    calls: dict[int, list[ToolCall]] = defaultdict(list)
    query = (
        sa.select(steps.c.position, replies.c.tool_calls)
        .join(replies, steps.c.reply_id == replies.c.id)
        .where(steps.c.run_id == run_id, steps.c.position.in_(positions), replies.c.tool_calls != "")
        .order_by(steps.c.position, steps.c.number)
    )
    for position, text in connection.execute(query):
        calls[position] += calls_from(text)
    return calls


def answered_count(database: Database, run_id: str) -> int:
    """Returns the number of the run's cells that have a reply."""
    mine = (cells.c.run_id == run_id) & (cells.c.status == "answered")
    with database.read() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).where(mine)) or 0)


def own_count(database: Database, run_id: str) -> int:
    """Returns how many scores the run's answered cells get from the checks that the table of cases sets for single
    cases, in addition to the checks of the run."""
    of_case = (cells.c.run_id == cases.c.run_id) & (cells.c.case_position == cases.c.position)
    mine = (cases.c.run_id == run_id) & (cases.c.checks != "") & (cells.c.status == "answered")
    query = sa.select(cases.c.checks, sa.func.count()).join(cells, of_case).where(mine).group_by(cases.c.checks)
    with database.read() as connection:
        return sum(len(own_checks(text, "")) * count for text, count in connection.execute(query))


def missing(database: Database, run_id: str, checks: Sequence[str]) -> dict[str, int]:
    """Returns, for each of the checks, how many answered cells it has not scored yet or has failed on with an error."""
    mine = (scores.c.run_id == run_id) & scores.c.check.in_(checks) & ~scores.c.failed
    there = sa.select(scores.c.check, sa.func.count()).where(mine).group_by(scores.c.check)
    all_ = answered_count(database, run_id)
    with database.read() as connection:
        counted = {row[0]: int(row[1]) for row in connection.execute(there)}
    return {check: all_ - counted.get(check, 0) for check in checks}


def put(database: Database, run_id: str, cell_scores: Sequence[CellScore]) -> None:
    """Stores the scores in one transaction, in place of earlier scores of the same checks on the same cells."""
    rows = [score_row(run_id, one.position, one.score, one.judge_reply_id) for one in cell_scores]
    with database.write() as connection:
        write_many(connection, _DELETE, [{"of": run_id, "at": row["position"], "by": row["check"]} for row in rows])
        write_many(connection, scores.insert(), rows)


_DELETE = scores.delete().where(
    scores.c.run_id == sa.bindparam("of"),
    scores.c.position == sa.bindparam("at"),
    scores.c.check == sa.bindparam("by"),
)


def score_row(run_id: str, position: int, score: Score, judge_reply_id: int | None = None) -> Row:
    """Returns the score of the cell at `position` as a row of the table of scores. `judge_reply_id` is the reply of the
    model that gave it (None: no model did)."""
    return {
        "run_id": run_id,
        "position": position,
        "check": score.check,
        "value": score.value,
        "passed": score.passed,
        "answer": storable(score.answer),
        "explanation": storable(score.explanation),
        "failed": score.failed,
        "judge_reply_id": judge_reply_id,
    }


def change_checks(database: Database, run_id: str, before: str, checks: Sequence[CheckSpec]) -> Plan:
    """Gives the run these checks instead of its present ones, also for cells that are added later, and returns the new
    plan. The scores of a check stay if the check is in both lists with the same name and options; all other scores of
    the run's checks are deleted. The scores of checks that the table of cases sets for single cases always stay.

    `before` is the plan that the caller read (`plans.planned_as`). Raises PlanError if the plan has changed since, or
    the run is active.
    """
    plan = runs_store.plan_of(database, run_id)
    new = replace(plan, checks=tuple(checks))
    unchanged_checks = {str(check) for check in plan.all_checks} & {str(check) for check in new.all_checks}
    names = [*plan.own_checks, *(check.name for check in plan.all_checks if str(check) in unchanged_checks)]
    with database.write() as connection:
        runs_store.replace_plan(connection, run_id, before, plan=plan_json(new))
        connection.execute(scores.delete().where(scores.c.run_id == run_id, scores.c.check.not_in(names)))
    return new


@dataclass(frozen=True, slots=True)
class Total:
    """The result of one check over a run: the `mean` over its `scored` replies (None: none were scored), how many
    replies it left `unscored`, and how many of those because it `failed` with an error."""

    check: str
    mean: float | None
    scored: int
    unscored: int
    failed: int

    @property
    def telling(self) -> bool:
        """Whether a page should show why replies have no score: the check failed on some, or scored none."""
        return bool(self.failed) or not self.scored


def totals(database: Database, run_id: str) -> list[Total]:
    """Returns the Total of each check that has scored a reply or failed on one, ordered by name."""
    columns = (
        sa.func.avg(scores.c.value),
        sa.func.count(scores.c.value),
        sa.func.sum(sa.case((scores.c.value.is_(None), 1), else_=0)),
        sa.func.sum(sa.case((scores.c.failed, 1), else_=0)),
    )
    query = sa.select(scores.c.check, *columns).where(scores.c.run_id == run_id).group_by(scores.c.check)
    with database.read() as connection:
        return [Total(*row) for row in connection.execute(query.order_by(scores.c.check))]


def complaints(database: Database, run_id: str, check: str, limit: int = 3) -> list[tuple[str, int]]:
    """Returns (reason, number of cells) for the cells that the check could not score: errors of the check first, then
    other reasons, each of the two from the most to the least frequent; at most `limit` in all. A reason may quote
    untrusted text."""
    mine = (scores.c.run_id == run_id) & (scores.c.check == check) & scores.c.value.is_(None)
    count = sa.func.count().label("count")
    query = sa.select(scores.c.explanation, count).where(mine).group_by(scores.c.explanation, scores.c.failed)
    with database.read() as connection:
        order = query.order_by(scores.c.failed.desc(), count.desc()).limit(limit)
        return [(row[0], row[1]) for row in connection.execute(order)]
