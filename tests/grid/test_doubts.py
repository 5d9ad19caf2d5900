from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from promptgrid.cases.table import Case
from promptgrid.errors import MissingVariables
from promptgrid.grading import parse_check
from promptgrid.grid import Plan
from promptgrid.grid.doubts import doubts
from promptgrid.prompt import AnswerRule, Example, Message, Prompt, Tool


def plan(text: str, rule: AnswerRule, *cases: tuple[dict[str, Any], str | None]) -> Plan:
    prompt = Prompt("p", (Message("user", text),), answer=rule)
    return Plan((prompt,), tuple(Case(str(n), *case) for n, case in enumerate(cases, 1)))


def test_a_plan_without_expected_answers_says_that_nothing_is_scored_and_offers_a_column() -> None:
    rule = AnswerRule("label", labels=("positive", "negative"))
    sentences = doubts(plan("{{ text }}", rule, ({"text": "a", "__expected": "positive"}, None)))
    assert sentences == [
        "No case has an expected answer: nothing will be scored. Choose the column __expected for the right answers."
    ]


@pytest.mark.parametrize(
    ("rule", "good", "bad", "why"),
    [
        (AnswerRule("number"), "18.75", "between 3 and 5", "is not one number"),
        (AnswerRule("label", labels=("A", "B")), "(B)", "neither", "is none of the labels A, B"),
        (AnswerRule("json"), '{"a": 1}', "{a: 1}", "is not JSON"),
        (AnswerRule("number", separator=";"), "4; 5", "many; few", "is not one number"),
    ],
)
def test_expected_cells_that_cannot_be_read_are_told_with_their_cases(
    rule: AnswerRule, good: str, bad: str, why: str
) -> None:
    sentences = doubts(plan("{{ q }}", rule, ({"q": "1"}, good), ({"q": "2"}, bad)))
    assert len(sentences) == 1
    assert sentences[0].startswith('"p": 1 of 2 cases are not scored (2): ')
    assert why in sentences[0]


def test_the_text_of_an_option_is_read_as_its_letter() -> None:
    rule = AnswerRule("label", labels=("A", "B"), options="choices")
    sentences = doubts(plan("{{ choices }}", rule, ({"choices": ["A) a net", "B) a cup"]}, "a cup")))
    assert sentences == []


def test_several_accepted_answers_are_read_each() -> None:
    assert doubts(plan("{{ q }}", AnswerRule("number"), ({"q": "1"}, '["4", "four"]'))) == []


def test_single_braces_around_a_column_and_unused_columns_are_told() -> None:
    cases: list[tuple[dict[str, Any], None]] = [({"text": "a"}, None), ({"text": "b"}, None)]
    sentences = doubts(plan('Say {text} as {"x": {y}}', AnswerRule(), *cases))
    assert sentences == [
        '"p": {text} is sent as it stands; write {{ text }}.',
        '"p" uses no column of the cases (text): each is sent the same text.',
    ]
    assert doubts(plan("{{ text }} {text}", AnswerRule(), *cases)) == []


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("{{ q }}", {"Q": "x"}, "The columns are: Q. Did you mean Q by q?"),
        ("{{ user-name }}", {"user-name": "x"}, "A variable cannot be called user-name: name the column user_name."),
        ("{{ user_name }}", {"user-name": "x"}, "Did you mean user-name by user_name?"),
    ],
)
def test_a_missing_variable_names_the_columns_and_the_one_that_was_meant(
    text: str, columns: dict[str, Any], says: str
) -> None:
    with pytest.raises(MissingVariables) as caught:
        plan(text, AnswerRule(), (columns, None)).check_variables()
    assert says in str(caught.value)


def checked(check: str, rule: AnswerRule, *expected: str | None) -> list[str]:
    cases = [({"q": str(n)}, cell) for n, cell in enumerate(expected, 1)]
    return doubts(replace(plan("{{ q }}", rule, *cases), checks=(parse_check(check),)))


TEXT, LABELS = AnswerRule(), AnswerRule("label", labels=("a", "b"))


@pytest.mark.parametrize(
    ("check", "rule", "says"),
    [
        ("regex:pattern=(", TEXT, "The check regex scores nothing: the pattern '(' is wrong: missing )"),
        ("regex", TEXT, "The check regex scores nothing: there is no pattern: write regex:pattern=…."),
        ("json-schema", AnswerRule("json"), "The check json-schema scores nothing: the answer rule has no schema."),
        ("language:is=klingon", TEXT, "The check language scores nothing: klingon is not a known language code"),
        ("json-equal", TEXT, "1 of 2 cases are not scored by json-equal (2): expected b is not JSON."),
        ("number", TEXT, "1 of 2 cases are not scored by number (2): b is not one number."),
    ],
)
def test_a_check_that_cannot_score_is_told_before_the_run(check: str, rule: AnswerRule, says: str) -> None:
    (sentence,) = checked(check, rule, "1", "b" if rule is TEXT else "1")
    assert says in sentence


@pytest.mark.parametrize("check", ["exact", "label", "number", "json-equal", "similarity", "contains"])
def test_a_check_that_needs_expected_answers_is_told_where_no_case_has_one(check: str) -> None:
    assert checked(check, TEXT, None, None) == [
        f'"p": The check {check} scores nothing: none of its cases has an expected answer.'
    ]
    assert checked(check, TEXT, "1", None) == []


@pytest.mark.parametrize(
    "check",
    ["regex:pattern=a+", "contains:text=x", "length:max=3", "language:is=en", "judge:model=openai/m,rubric=kind"],
)
def test_checks_that_need_no_expected_answer_are_not_doubted(check: str) -> None:
    assert checked(check, TEXT, None, None) == []


WEATHER = Tool("get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})


def called(
    check: str, tools: Sequence[Tool], *expected: str | None, calls: str = "", rule: AnswerRule = TEXT
) -> list[str]:
    cases = tuple(Case(str(n), {"q": str(n), "calls": calls}, cell) for n, cell in enumerate(expected, 1))
    prompt = Prompt("p", (Message("user", "{{ q }}"),), tools=tuple(tools), answer=rule)
    return doubts(Plan((prompt,), cases, checks=(parse_check(check),)))


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("tool-called:name=get_wether",
         "The check tool-called scores nothing: the prompt has no tool get_wether. Did you mean"),
        ("tool-args",
         "1 of 4 cases are not scored by tool-args (2): expected calls are not readable: ; or a new line is"),
        ("tool-sequence",
         "2 of 4 cases expect calls that no valid reply makes (3, 4): there is no tool get_wether. Did you"),
    ],
)  # fmt: skip
def test_a_check_of_calls_that_cannot_score_is_told_before_the_run(check: str, says: str) -> None:
    expected = ('get_weather(city="Paris")', "It is sunny.", "get_wether()", "get_weather(citi=1)")
    assert any(says in sentence for sentence in called(check, [WEATHER], *expected))


def test_an_argument_that_a_tool_does_not_have_is_told_unless_its_schema_is_open() -> None:
    (sentence,) = called("tool-args", [WEATHER], 'get_weather(citi="Paris")')
    assert sentence.endswith("(1): get_weather has no argument citi. Did you mean city?")
    open_ = replace(WEATHER, parameters={**WEATHER.parameters, "additionalProperties": True})
    assert called("tool-args", [open_], 'get_weather(citi="Paris")') == []


def test_expected_calls_that_no_case_has_are_told() -> None:
    assert called("tool-args", [WEATHER], None, None) == [
        '"p": The check tool-args scores nothing: no case has expected calls in its cell of the expected answer.'
    ]
    assert called("tool-args:column=calls", [WEATHER], "none", "none") == [
        '"p": The check tool-args scores nothing: no case has expected calls in the column calls.'
    ]
    assert called("tool-args:column=calls", [WEATHER], "sunny today", calls="get_weather") == []
    assert called("tool-not-called", [WEATHER], None) == []
    assert called("tool-args", [WEATHER], "18", rule=AnswerRule("number")) == [
        '"p": The check tool-args scores nothing: no case has expected calls in a column of their own, which'
        " column=NAME names (the expected answer is a number)."
    ]


@pytest.mark.parametrize("check", ["tool-args", "tool-called", "tool-schema"])
def test_a_check_of_calls_is_told_to_be_useless_for_a_prompt_without_tools(check: str) -> None:
    assert called(check, [], "none") == [f'"p": The check {check} scores nothing: the prompt has no tools.']


def test_a_prompt_with_tools_has_checks_of_its_calls_by_default() -> None:
    prompt = Prompt("p", (Message("user", "{{ q }}"),), tools=(WEATHER,))
    of_text = Plan((prompt,), (Case("1", {"q": "a"}, "get_weather"),))
    assert [str(check) for check in of_text.checks_for(prompt)] == ["tool-sequence:order=any", "tool-schema"]
    of_number = replace(prompt, answer=AnswerRule("number"))
    assert [str(check) for check in of_text.checks_for(of_number)] == ["number", "tool-schema"]


def test_what_the_answer_rule_cannot_read_is_told_once() -> None:
    assert len(checked("number", AnswerRule("number"), "1", "many")) == 1
    assert checked("exact", LABELS, "a", "b") == []


def test_a_check_of_a_case_that_cannot_score_is_told() -> None:
    of_case = plan("{{ q }}", TEXT, ({"q": "1"}, None), ({"q": "2"}, None))
    case = replace(of_case.cases[1], checks=(parse_check("own=regex:pattern=["),))
    (sentence,) = doubts(replace(of_case, cases=(of_case.cases[0], case)))
    assert sentence.startswith("\"p\": The check own scores nothing: the pattern '[' is wrong")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "takes the most frequent answer of several samples of a case, and the plan has 1"),
        ({"samples": 2}, "the plan has 2: without 3 or more it is chain-of-thought"),
        ({"samples": 5, "temperatures": [0]}, "at temperature 0 they are nearly the same"),
        ({"samples": 5, "temperatures": [0, 0.7]}, ""),
        ({"samples": 5}, ""),
        ({"techniques": ("chain-of-thought",)}, ""),
    ],
)
def test_a_vote_needs_samples_that_differ(settings: dict[str, Any], words: str) -> None:
    base = plan("{{ q }}", AnswerRule(), ({"q": "1"}, None))
    sentences = doubts(
        Plan.of(**{"prompts": base.prompts, "cases": base.cases, "techniques": ("self-consistency",), **settings})
    )
    assert [words in sentence for sentence in sentences] == [True] * bool(words)


@pytest.mark.parametrize(
    ("settings", "said"), [({"beams": [1, 4], "samples": 2}, True), ({"beams": 4}, False), ({"samples": 2}, False)]
)
def test_several_samples_of_a_beam_search_are_nearly_the_same(settings: dict[str, Any], said: bool) -> None:
    base = plan("{{ q }}", AnswerRule(), ({"q": "1"}, None))
    sentences = doubts(Plan.of(prompts=base.prompts, cases=base.cases, **settings))
    assert any("A beam search draws nothing" in sentence for sentence in sentences) is said


@pytest.mark.parametrize(
    ("inputs", "techniques", "told"),
    [
        (
            [{}, {"q": "2"}],
            ("few-shot",),
            ["Example 1 has no value for language or q: the question of each"],
        ),
        ([{}, {}], ("zero-shot", "few-shot"), ["Examples 1, 2 have no value"]),
        ([{"q": "2"}], ("few-shot",), []),  # the language is that of the case
        ([{}], ("zero-shot",), []),
        ([{}], ("few-shot-cot",), []),  # sends none without reasoning
    ],
)
def test_an_example_that_asks_the_question_of_the_case_itself_is_told(
    inputs: list[dict[str, str]], techniques: tuple[str, ...], told: list[str]
) -> None:
    base = plan("{{ q }} in {{ language }}", AnswerRule(), ({"q": "1", "language": "fr"}, None))
    prompt = replace(base.prompts[0], examples=tuple(Example(values, "a") for values in inputs))
    sentences = doubts(replace(base, prompts=(prompt,), techniques=techniques))
    assert [words in sentence for words, sentence in zip(told, sentences, strict=True)] == [True] * len(told)


@pytest.mark.parametrize(("check", "told"), [("number", True), ("length:max=50", False)])
def test_a_choice_by_checks_needs_one_that_may_choose(check: str, told: bool) -> None:
    one = plan("{{ q }}", AnswerRule("number"), ({"q": "1"}, "1"))
    chosen = replace(one, techniques=("best-of-n:choose=check",), checks=(parse_check(check),))
    assert any("finds no check that may choose" in line for line in doubts(chosen)) == told
    judged = replace(chosen, techniques=("best-of-n",))
    assert not any("may choose" in line for line in doubts(judged))
