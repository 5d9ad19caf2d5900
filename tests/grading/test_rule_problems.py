"""An answer rule that cannot work says why, before anything is sent."""

from __future__ import annotations

import pytest

from promptgrid.grading.rule_problems import rule_problems
from promptgrid.prompt import AnswerRule

LABELS = ("positive", "negative")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (AnswerRule("label"), "Without labels no answer can be read: name at least two."),
        (AnswerRule("label", labels=("Yes", "yes")), "The label yes is there twice."),
        (
            AnswerRule("label", labels=LABELS, synonyms={"postive": ("good",)}),
            "There is no label postive. Did you mean positive?",
        ),
        (
            AnswerRule("label", labels=LABELS, synonyms={"positive": ("OK",), "negative": ("ok",)}),
            "The word ok stands for two labels, positive and negative.",
        ),
        (
            AnswerRule("label", labels=LABELS, synonyms={"negative": ("Positive",)}),
            "The word Positive stands for two labels, positive and negative.",
        ),
        (
            AnswerRule("label", labels=LABELS, options="choice"),
            "The cases have no column choice with the options. Did you mean choices?",
        ),
        (AnswerRule("label", labels=("a;b", "c"), separator=";"), "The separator ';' would cut 'a;b' in two."),
        (
            AnswerRule("number", separator=","),
            "The separator ',' can be part of a number, which it would cut in two.",
        ),
        (AnswerRule("json", separator=", "), "The separator ', ' is part of JSON, which it would cut."),
        (
            AnswerRule("json", schema={"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"b": {}}}),
            "The schema refers to #/$defs/a, which is not in it.",
        ),
        (AnswerRule("regex"), "Without a pattern no answer can be read."),
    ],
)
def test_a_rule_that_cannot_work_says_why(rule: AnswerRule, says: str) -> None:
    assert rule_problems(rule, ["question", "choices"]) == [says]


def test_a_broken_pattern_and_a_broken_schema_are_named() -> None:
    assert rule_problems(AnswerRule("regex", pattern="("))[0].startswith("The pattern '(' is wrong: ")
    assert "the schema is wrong at $.type" in rule_problems(AnswerRule("json", schema={"type": "objekt"}))[0]


@pytest.mark.parametrize(
    "rule",
    [
        AnswerRule(),
        AnswerRule("text", separator=","),
        AnswerRule("label", labels=LABELS, synonyms={"positive": ("good", "积极")}, options="choices", separator=";"),
        AnswerRule("number", separator="; "),
        AnswerRule("number", separator="|"),
        AnswerRule("json", schema={"type": "object"}),
        AnswerRule("regex", pattern=r"\d+"),
    ],
)
def test_a_rule_that_works_has_no_problem(rule: AnswerRule) -> None:
    assert rule_problems(rule, ["question", "choices"]) == []


def test_without_columns_the_column_of_options_is_not_doubted() -> None:
    assert rule_problems(AnswerRule("label", labels=("A", "B"), options="choices")) == []
