"""No text takes long, whatever a model repeats."""

from __future__ import annotations

import time

import pytest

from promptgrid.answers import read_answer, read_expected
from promptgrid.prompt import AnswerRule

RULES = (
    AnswerRule("number"),
    AnswerRule("label", labels=("A", "B", "yes", "no", "very positive", "是")),
    AnswerRule("label", labels=("1", "2", "5")),
    AnswerRule("json", schema={"type": "object"}),
    AnswerRule(),
)
FRAGMENTS = (
    "the answer is ",
    "the answer to ",
    "answer: ",
    "final ",
    "*",
    "_",
    "**",
    "A ",
    "(A) ",
    "A, ",
    "no ",
    "not ",
    "yes and ",
    "<think>",
    "</think>",
    "[THINK]",
    "<|channel|>analysis<|message|>",
    "<",
    "<<",
    "<a ",
    "\\frac{",
    "\\boxed{",
    "{",
    "}",
    "[",
    "(",
    '"',
    '\\"',
    "```",
    "```json\n{",
    "one ",
    "one hundred and ",
    "twenty-",
    "half a ",
    "百",
    "一",
    "百分之",
    "1分之",
    "1,",
    "1.",
    "1 ",
    "1'",
    "1_",
    "1/",
    "1 1/2 ",
    "√",
    "3√",
    "1 and ",
    "1 or ",
    "1:",
    "1-",
    "1 - ",
    "$",
    "-",
    "1e",
    "1%",
    "1×10^",
    "2^",
    ".",
    "0.33",
    "\n1. ",
    "1 Jan ",
    "答案是",
    "\nQ",
    "\nText",
    "Note: ",
    "#### 1\n",
    "1 h 2 min ",
    "5'",
    "so ",
    "½",
    "⁵",
    "𝟗",
    "to eat all ",
    "in ",
    "most likely ",
    "1 (ab) ",
    "1 = ",
    ", x = 1",
)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=repr)
def test_a_text_that_repeats_itself_is_read_in_bounded_time(fragment: str) -> None:
    text = fragment * (20_000 // len(fragment)) + "x is 1 A"
    for rule in RULES:
        start = time.process_time()
        read_answer(rule, text, marker="Answer:")
        read_expected(rule, text)
        assert time.process_time() - start < 3, rule.kind


def test_a_last_line_without_a_number_below_a_long_one_is_passed_over() -> None:
    assert read_answer(AnswerRule("number"), f"7 {'x' * 500}\nIt is done").answer == "7"
