"""Turns the text of a reply into the result of its cell: the answer and its scores."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from promptgrid.answers import Answer, case_rule, read_answer
from promptgrid.grading import Score, grade
from promptgrid.grid import Plan, Point
from promptgrid.prompt import ToolCall
from promptgrid.store.commits import CellResult
from promptgrid.techniques import answer_marker

log = logging.getLogger("promptgrid.runner")


def read_and_score(
    plan: Plan,
    point: Point,
    position: int,
    text: str,
    reasoning: str = "",
    attempts: int = 0,
    *,
    tool_calls: Sequence[ToolCall] = (),
    reused: bool = False,
) -> CellResult:
    """Reads the answer out of a reply's text by the point's technique and scores it by the plain checks; those that
    need a process or a model run when all replies are stored. Returns the result of the cell at `position`.

    `reasoning` is what the endpoint returned in a field of its own; the answer keeps it, before the reasoning in the
    text. `tool_calls` are the calls of tools in all replies of the cell. The result records `attempts` and, with
    `reused`, that the reply was stored already and is not paid again. Never raises: an error in a reader or a check
    fails only this cell.
    """
    try:
        answer, scores = _read_and_scored(plan, point, text, tool_calls)
    except Exception as error:
        log.exception("cell %d: its reply cannot be read or scored", position)
        message = f"The reply came, and cannot be read or scored: {type(error).__name__}: {error}."
        return CellResult(position, "failed", error=message, error_kind="unread", attempts=attempts, reused=reused)
    if reasoning.strip():
        answer = replace(answer, reasoning="\n\n".join(part for part in (reasoning.strip(), answer.reasoning) if part))
    return CellResult(position, "answered", answer, scores, attempts=attempts, reused=reused)


def blind_score(plan: Plan, point: Point) -> Callable[[str], float | None]:
    """Returns a function that marks a reply's text: the mean score, from 0 to 1, of the plan's plain checks that need
    no expected answer; None if there is no such check for the point."""
    blind = replace(point, case=replace(point.case, expected=None))

    def mark(text: str) -> float | None:
        values = [score.value for score in _read_and_scored(plan, blind, text)[1] if score.value is not None]
        return sum(values) / len(values) if values else None

    return mark


def _read_and_scored(
    plan: Plan, point: Point, text: str, tool_calls: Sequence[ToolCall] = ()
) -> tuple[Answer, list[Score]]:
    language = point.prompt.language
    rule = case_rule(point.prompt.answer, point.case.inputs)
    answer = read_answer(rule, text, marker=answer_marker(point.prompt, point.technique), language=language)
    scores = [
        grade(check, output=text, answer=answer.answer, expected=point.case.expected, rule=rule, note=answer.note,
              language=language, calls=tool_calls, tools=point.prompt.tools, inputs=point.case.inputs)
        for check in plan.checks_of(point.prompt, point.case)
        if check.plain
    ]  # fmt: skip
    return answer, scores
