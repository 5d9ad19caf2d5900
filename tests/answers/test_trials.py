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


def rule_of(trial_input: dict[str, Any]) -> AnswerRule:
    rule = trial_input["rule"]
    return AnswerRule(rule["kind"], labels=tuple(rule.get("labels", ())), schema=rule.get("schema", {}))


@pytest.mark.parametrize("trial", TRIALS)
def test_a_reply_is_read_and_scored_as_a_careful_reader_would(trial: dict[str, Any]) -> None:
    trial_input, right = trial["input"], trial["right"]
    rule = rule_of(trial_input)
    if "replies" in trial_input:
        (answer,) = {read_answer(rule, reply).answer for reply in trial_input["replies"]}
        assert answer is not None
        return
    result = read_answer(rule, trial_input["reply"], marker=trial_input.get("marker", ""))
    score = score_of(rule, trial_input, result.answer)
    outcome = {"answer": result.answer, "passed": score.passed}
    assert {name: outcome[name] for name in right} == right
    assert result.answer is not None or result.note, "what is unread says why"


def score_of(rule: AnswerRule, trial_input: dict[str, Any], answer: str | None) -> Score:
    usual = [spec for spec in default_checks(rule, True) if spec.kind != "json-schema"]
    check = parse_check(trial_input["check"]) if "check" in trial_input else usual[0]
    return grade(check, output=trial_input["reply"], answer=answer, expected=trial_input.get("expected"), rule=rule)
