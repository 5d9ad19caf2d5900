"""What people bring and what models say, each with what a careful reader makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from promptgrid.answers import read_answer
from promptgrid.grading import Score, default_checks, grade, parse_check
from promptgrid.prompt import AnswerRule

TRIALS = [
    pytest.param(json.loads(line), id=f"{path.stem}-{number}")
    for path in sorted(Path(__file__).with_name("trials").glob("*.jsonl"))
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
]


def rule_of(given: dict[str, Any]) -> AnswerRule:
    rule = given["rule"]
    return AnswerRule(rule["kind"], labels=tuple(rule.get("labels", ())), schema=rule.get("schema", {}))


@pytest.mark.parametrize("trial", TRIALS)
def test_a_reply_is_read_and_scored_as_a_careful_reader_would(trial: dict[str, Any]) -> None:
    given, right = trial["input"], trial["right"]
    rule = rule_of(given)
    if "replies" in given:
        (answer,) = {read_answer(rule, reply).answer for reply in given["replies"]}
        assert answer is not None
        return
    read = read_answer(rule, given["reply"], marker=given.get("marker", ""))
    score = score_of(rule, given, read.answer)
    seen = {"answer": read.answer, "passed": score.passed}
    assert {name: seen[name] for name in right} == right
    assert read.answer is not None or read.note, "what is unread says why"


def score_of(rule: AnswerRule, given: dict[str, Any], answer: str | None) -> Score:
    usual = [spec for spec in default_checks(rule, True) if spec.kind != "json-schema"]
    check = parse_check(given["check"]) if "check" in given else usual[0]
    return grade(check, output=given["reply"], answer=answer, expected=given.get("expected"), rule=rule)
