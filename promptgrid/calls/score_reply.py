"""From a reply's text to the result of its cell: the answer read out of it, and its scores."""

from __future__ import annotations

from promptgrid.answers import case_rule, read_answer
from promptgrid.grading import grade
from promptgrid.grid import Plan, Point
from promptgrid.store.commits import CellResult
from promptgrid.techniques import answer_marker


def read_and_score(
    plan: Plan, point: Point, position: int, text: str, attempts: int = 0, *, reused: bool = False
) -> CellResult:
    """Reads the answer out of a reply's text by the point's technique, and scores it by the plain checks. The other
    checks follow when all replies of the run are stored (see `judging.scoring`)."""
    language = point.prompt.language
    rule = case_rule(point.prompt.answer, point.case.inputs)
    read = read_answer(rule, text, marker=answer_marker(point.prompt, point.technique), language=language)
    scores = [
        grade(check, output=text, answer=read.answer, expected=point.case.expected, rule=rule, note=read.note,
              language=language)
        for check in plan.checks_for(point.prompt)
        if check.plain
    ]  # fmt: skip
    return CellResult(position, "answered", read, scores, attempts=attempts, reused=reused)
