"""No text of a model raises while it is read or scored, whatever the rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from promptgrid.answers import expected_problem, read_answer, read_expected
from promptgrid.grading import grade, parse_check
from promptgrid.prompt import AnswerRule
from tests.fuzz.inputs import FUZZ, odd_texts

RULES = [
    AnswerRule(),
    AnswerRule("number"),
    AnswerRule("label", labels=("A", "B", "C")),
    AnswerRule("label", labels=("positive", "not positive", "正面"), synonyms={"positive": ("good", "积极")}),
    AnswerRule("json", schema={"type": "object", "properties": {"a": {"type": "number"}}}),
    AnswerRule("regex", pattern=r"(\w+)\W*$"),
]
CHECKS = ["exact", "label", "contains", "number:tolerance=0.1", "json-equal", "similarity", "length:max=5"]


@FUZZ
@given(st.sampled_from(RULES), odd_texts, odd_texts, st.sampled_from(["", "Answer:", "答案："]))
def test_any_reply_is_read_or_unread(rule: AnswerRule, reply: str, cell: str, marker: str) -> None:
    answer = read_answer(rule, reply, marker=marker)
    assert answer.answer is not None or answer.note or rule.kind in ("text", "regex")
    assert read_expected(rule, cell)
    assert isinstance(expected_problem(rule, cell), str)


@FUZZ
@given(st.sampled_from(RULES), st.sampled_from(CHECKS), odd_texts, odd_texts)
def test_any_reply_is_scored_or_says_why_not(rule: AnswerRule, check: str, reply: str, cell: str) -> None:
    answer = read_answer(rule, reply)
    result = grade(parse_check(check), output=reply, answer=answer.answer, expected=cell, rule=rule, note=answer.note)
    assert result.explanation
