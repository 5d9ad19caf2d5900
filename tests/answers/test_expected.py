"""The expected cell is read by the rule of the reply; what is not wholly one answer is not scored, and says so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import expected_problem, read_answer
from promptgrid.grading import Score, default_checks, grade, parse_check
from promptgrid.prompt import AnswerRule

NUMBER, TEXT = AnswerRule("number"), AnswerRule()
OPTIONS = AnswerRule("label", labels=("A", "B", "C"))


def scored(rule: AnswerRule, reply: str, expected: str, check: str = "") -> Score:
    answer = read_answer(rule, reply)
    spec = parse_check(check) if check else default_checks(rule, True)[-1]
    return grade(spec, output=reply, answer=answer.answer, expected=expected, rule=rule, note=answer.note)


@pytest.mark.parametrize("cell", ["12 and 13", "see above", "1.2.3", "5 or 6", "", "20 of 30"])
def test_a_cell_that_is_no_one_number_is_not_scored(cell: str) -> None:
    score = scored(NUMBER, "12", cell)
    assert score.passed is None
    assert score.explanation.startswith("not scored: ")
    assert expected_problem(NUMBER, cell)


@pytest.mark.parametrize("cell", ["A or B", "G", "none", "(A) (B)", "a dog"])
def test_a_cell_that_is_no_one_label_is_not_scored(cell: str) -> None:
    assert scored(OPTIONS, "A", cell).passed is None
    assert "is none of the labels A, B, C" in expected_problem(OPTIONS, cell)


@pytest.mark.parametrize("cell", ["B", "(B)", "B.", "b", "B) a long pipe", "**B**", " B "])
def test_a_cell_is_read_as_the_reply_is(cell: str) -> None:
    assert scored(OPTIONS, "The answer is (B).", cell).passed is True
    assert scored(OPTIONS, "The answer is (C).", cell).passed is False
    assert scored(OPTIONS, "The answer is (B).", cell, "exact").passed is True
    assert not expected_problem(OPTIONS, cell)


@pytest.mark.parametrize(
    "cell", ["72", "$72.00", "72 kg", "3 * 24 = 72\n#### 72", "\\boxed{72}", "seventy-two", "七十二"]
)
def test_a_cell_in_any_notation_is_the_number(cell: str) -> None:
    assert scored(NUMBER, "It is 72.", cell).passed is True
    assert scored(NUMBER, "It is 73.", cell).passed is False


def test_several_accepted_answers_are_a_list_or_parted_by_the_separator_of_the_rule() -> None:
    assert scored(NUMBER, "0.5", '["1/2", 7]').passed is True
    assert scored(NUMBER, "7", '["1/2", 7]').passed is True
    assert scored(TEXT, "It is the UK.", '["UK", "United Kingdom"]').passed is True
    rule = AnswerRule("label", labels=("A", "B", "C"), separator="|")
    assert scored(rule, "B", "A|B").passed is True
    assert scored(rule, "C", "A|B").explanation == "answer C, expected A (nor 1 other accepted)"
    assert scored(AnswerRule("json", separator=" || "), '{"a": 1}', '{"a":2} || {"a":1.0}', "exact").passed is True


def test_a_list_is_the_value_where_the_answer_is_json() -> None:
    assert scored(AnswerRule("json"), "[1, 2]", "[1.0, 2]", "exact").passed is True
    assert scored(AnswerRule("json"), "1", "[1, 2]", "exact").passed is None


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([NUMBER, OPTIONS, TEXT, AnswerRule("json"), AnswerRule("number", separator=";")]), st.text())
def test_no_cell_raises(rule: AnswerRule, cell: str) -> None:
    expected_problem(rule, cell)
    scored(rule, cell, cell)


@settings(deadline=None, max_examples=100)
@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_equal_numbers_pass_and_others_do_not(a: int, b: int) -> None:
    assert scored(NUMBER, f"The answer is {a:,}.", str(b)).passed is (a == b)
