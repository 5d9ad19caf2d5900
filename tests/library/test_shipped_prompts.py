"""The prompts that are shipped: each one loads, here and elsewhere, and is complete and right."""

from __future__ import annotations

import csv
import json
import operator
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import prompty
import pytest

from promptgrid import api, connections
from promptgrid.answers import read_answer
from promptgrid.endpoint import Reply, Request, ScriptedEndpoint
from promptgrid.grading import default_checks, grade, parse_check
from promptgrid.grading.argument_values import Items, Members, OneOf, Pattern
from promptgrid.grading.call_json import expected_calls
from promptgrid.grading.tool_problems import impossible_call
from promptgrid.prompt import AnswerRule, Prompt, ToolCall, dumps, loads, render, variables
from promptgrid.store import Database
from promptgrid.store.results import result_rows
from promptgrid.techniques import TECHNIQUES, unavailable
from tests.places import CHECKOUT
from tests.running import a_run

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

FOLDER = CHECKOUT / "prompts"
FILES = sorted(FOLDER.glob("*.prompty"))
every_prompt = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)

HAN = re.compile(r"[\u4e00-\u9fff]")
NAME = re.compile(r"[a-z]+(-[a-z]+)*")
CALCULATION = re.compile(r"([\d.]+) ?([-+*/×÷]) ?([\d.]+) ?= ?([\d.]*\d)")
SIGNS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "×": operator.mul,
    "/": operator.truediv,
    "÷": operator.truediv,
}
COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}

WORKED: dict[str, Callable[..., float]] = {
    "baker": lambda trays, each, sold: trays * each - sold,
    "museum": lambda ticket, guide, tickets, guides: ticket * tickets + guide * guides,
    "train": lambda start, off, on: start - off + on,
    "stickers": lambda children, all_, more: all_ / children + more,
    "library": lambda shelves, books, new: (shelves * books + new) / shelves,
    "tank": lambda full, rate, minutes: full - rate * minutes,
    "cyclist": lambda weekday, weekend: 5 * weekday + 2 * weekend,
    "jacket": lambda price, percent: price * (100 - percent) / 100,
    "苹果": lambda boxes, each, sold: boxes * each - sold,
    "公交车": lambda start, off, on: start - off + on,
    "圆珠笔": lambda notebook, pen, notebooks, pens: notebook * notebooks + pen * pens,
    "桃树": lambda rows, each, new: (rows * each + new) / rows,
    "一本书": lambda daily, days, rest: daily * days + rest,
    "礼堂": lambda rows, seats, empty: rows * seats - empty,
}


@cache
def prompt_of(path: Path) -> Prompt:
    return loads(path.read_text(encoding="utf-8"), path.stem)


def cases_of(path: Path) -> list[dict[str, str]]:
    with (FOLDER / prompt_of(path).cases).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def cases_named(name: str) -> list[dict[str, str]]:
    return cases_of(FOLDER / f"{name}.prompty")


def solved(name: str) -> list[dict[str, str]]:
    """Cases and examples alike, so that what is shown is as right as what is expected."""
    examples = prompt_of(FOLDER / f"{name}.prompty").examples
    return cases_named(name) + [{**e.inputs, "expected": e.answer} for e in examples]


def outputs_of(prompt: Prompt) -> set[str]:
    """The variables that the steps of the prompt's chain fill, and retrieval."""
    return {step.output for step in prompt.chain} | ({"context"} if prompt.parameters.collection else set())


def inputs_of(case: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in case.items() if name not in ("expected", "gold", "quote")}


def test_there_are_at_least_fourteen_and_five_of_them_are_chinese() -> None:
    assert len(FILES) >= 14
    assert sum(prompt_of(path).language == "zh" for path in FILES) >= 5


def test_the_prompt_and_cases_of_the_readme_exist() -> None:
    assert (FOLDER / "sentiment.prompty").is_file()
    assert (FOLDER / "cases" / "sentiment.csv").is_file()


@every_prompt
def test_it_has_the_name_of_its_file_and_says_what_it_is(path: Path) -> None:
    prompt = prompt_of(path)
    assert prompt.name == path.stem
    assert NAME.fullmatch(path.stem)
    assert prompt.description.endswith((".", "。"))
    assert prompt.tags


@every_prompt
def test_prompty_prepares_the_same_messages_for_every_case(path: Path) -> None:
    prompt, agent = prompt_of(path), prompty.load(path)
    assert agent.name == prompt.name
    of_steps = {i.name: i.example for i in prompt.inputs if i.name in outputs_of(prompt)}
    for case in cases_of(path):
        inputs = {**inputs_of(case), **of_steps}
        theirs = [(m.role, m.text) for m in prompty.prepare(agent, inputs)]
        assert [(m.role, m.text) for m in render(prompt.messages, inputs, prompt.inputs)] == theirs


@every_prompt
def test_saving_it_unchanged_leaves_the_file_as_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert dumps(prompt_of(path), text) == text


@every_prompt
def test_it_declares_the_variables_it_uses_and_no_others(path: Path) -> None:
    prompt = prompt_of(path)
    assert {v.name for v in variables(prompt.messages)} == {i.name for i in prompt.inputs}


@every_prompt
def test_it_is_sent_with_a_temperature_and_a_limit(path: Path) -> None:
    parameters = prompt_of(path).parameters
    assert 0 <= (parameters.temperature or 0) <= 1
    assert 48 <= (parameters.max_tokens or 0) <= 512


@every_prompt
def test_its_inputs_say_what_they_are_and_fill_the_preview(path: Path) -> None:
    assert all(i.example and i.description for i in prompt_of(path).inputs)


@every_prompt
def test_its_cases_have_a_column_an_input_and_at_least_ten_rows(path: Path) -> None:
    prompt, cases = prompt_of(path), cases_of(path)
    assert 10 <= len(cases) <= (40 if prompt.parameters.collection else 24)
    columns = [
        *(i.name for i in prompt.inputs if i.name not in outputs_of(prompt)),
        *(one.column for tool in prompt.tools for one in tool.results if one.column),
    ]
    gold = ["gold", "quote"] if prompt.parameters.collection else []  # empty where no document answers
    assert list(cases[0]) in (columns, [*columns, "expected", *gold])
    assert all(None not in case and all(value.strip() == value for value in case.values()) for case in cases)
    assert all(value for case in cases for name, value in case.items() if name not in gold)
    assert len({tuple(inputs_of(case).values()) for case in cases}) == len(cases)


@every_prompt
def test_its_expected_answers_are_what_its_rule_reads(path: Path) -> None:
    rule = prompt_of(path).answer
    for case in cases_of(path):
        if "expected" in case and rule.kind != "regex" and not prompt_of(path).tools:
            assert_follows(rule, case["expected"])


@every_prompt
def test_its_examples_follow_its_answer_rule(path: Path) -> None:
    prompt = prompt_of(path)
    assert 3 <= len(prompt.examples) <= 4 or prompt.tools  # an example has no calls, and would teach to make none
    for example in prompt.examples:
        assert set(example.inputs) == {i.name for i in prompt.inputs}
        assert_follows(prompt.answer, example.answer)


def assert_follows(rule: AnswerRule, answer: str) -> None:
    """A reply that is this answer and nothing else is read as this answer, without a remark."""
    reading = read_answer(rule, answer)
    assert (reading.reasoning, reading.note) == ("", "")
    if rule.kind == "regex":
        assert reading.answer is not None
        assert reading.answer in answer
    else:
        assert reading.answer == answer
    if rule.kind == "label":
        assert answer in rule.labels
    if rule.kind == "json":
        jsonschema.validate(json.loads(answer), dict(rule.schema))


@every_prompt
def test_reasoning_is_given_by_all_of_its_examples_or_by_none(path: Path) -> None:
    assert len({bool(example.reasoning) for example in prompt_of(path).examples}) == 1 or prompt_of(path).tools


@every_prompt
def test_no_case_and_no_preview_is_one_of_its_examples(path: Path) -> None:
    prompt = prompt_of(path)
    examples = [dict(example.inputs) for example in prompt.examples]
    assert len({tuple(inputs.values()) for inputs in examples}) == len(examples)
    assert {i.name: i.example for i in prompt.inputs} not in examples
    assert not [case for case in cases_of(path) if inputs_of(case) in examples]


@every_prompt
def test_every_label_is_shown_and_expected(path: Path) -> None:
    prompt = prompt_of(path)
    if prompt.answer.kind == "label":
        assert {example.answer for example in prompt.examples} == set(prompt.answer.labels)
        assert {case["expected"] for case in cases_of(path)} == set(prompt.answer.labels)


@every_prompt
def test_chinese_prompts_speak_chinese_and_no_others_do(path: Path) -> None:
    prompt = prompt_of(path)
    spoken = [prompt.description, *(e.answer for e in prompt.examples), *(e.reasoning for e in prompt.examples)]
    texts = [text for text in spoken if text and not text.isdecimal()]
    assert {bool(HAN.search(text)) for text in texts} == {prompt.language == "zh"}
    assert path.stem.endswith("-zh") == (prompt.language == "zh")


WITH_TOOLS = [path for path in FILES if prompt_of(path).tools]
every_prompt_with_tools = pytest.mark.parametrize("path", WITH_TOOLS, ids=lambda path: path.stem)


def an_argument(value: Any) -> Any:
    """Returns the first value that an expected value of an argument allows; without those that may be left out."""
    match value:
        case Members():
            return {name: an_argument(one) for name, one in value.values.items() if name not in value.optional}
        case Items():
            return [an_argument(one) for one in value.items]
        case OneOf():
            return an_argument(value.options[0])
        case Pattern():
            return value.pattern.replace(" ?", "")
    return value.value


def calls_of(case: Mapping[str, str]) -> list[ToolCall]:
    """Returns calls as the case expects them."""
    return [
        ToolCall(str(i), call.name, json.dumps(an_argument(call.arguments)))
        for i, call in enumerate(expected_calls(case["expected"]))
    ]


def test_a_prompt_is_a_chain_and_each_of_its_steps_is_asked_with_what_it_needs(
    database: Database, endpoint: HostileServer
) -> None:
    (path,) = [path for path in FILES if prompt_of(path).chain]
    endpoint.answer = lambda body: "billing" if "Which desk?" in body["messages"][-1]["content"] else "wants money"
    plan = api.plan(path, FOLDER / prompt_of(path).cases, models="openai/m")
    rows = list(result_rows(database, a_run(database, plan)))
    assert [row.calls for row in rows] == [2] * len(cases_of(path))
    assert {row.answer for row in rows} == {"billing"}
    texts = [one.body["messages"][-1]["content"] for one in endpoint.requests if "messages" in one.body]
    asked = [text for text in texts if "Which desk?" in text]
    assert len(asked) == len(cases_of(path))
    assert all("In short: wants money" in text for text in asked)


def test_at_least_four_prompts_have_tools_and_two_of_them_are_chinese() -> None:
    assert len(WITH_TOOLS) >= 4
    assert sum(prompt_of(path).language == "zh" for path in WITH_TOOLS) >= 2


@every_prompt_with_tools
def test_its_cases_call_each_tool_and_in_some_none_must_be_called(path: Path) -> None:
    expected = [expected_calls(case["expected"]) for case in cases_of(path)]
    assert len(expected) >= 12
    assert sum(not calls for calls in expected) >= 4
    assert {call.name for calls in expected for call in calls} == {tool.name for tool in prompt_of(path).tools}


@every_prompt_with_tools
def test_the_expected_calls_pass_their_checks_and_any_call_fails_where_none_is_expected(path: Path) -> None:
    prompt, cases = prompt_of(path), cases_of(path)
    for case in cases:
        assert impossible_call(case["expected"], prompt.tools) == ""
        calls = calls_of(case)
        for check in default_checks(prompt.answer, True, tools=True):
            right = grade(check, output="", answer=None, expected=case["expected"], rule=prompt.answer, calls=calls,
                          tools=prompt.tools)  # fmt: skip
            assert right.passed is (None if not calls and check.kind == "tool-schema" else True), right
        more = [*calls, ToolCall("more", prompt.tools[0].name, "{}")]
        check = parse_check("tool-sequence:order=any")
        wrong = grade(check, output="", answer=None, expected=case["expected"], rule=prompt.answer, calls=more,
                      tools=prompt.tools)  # fmt: skip
        assert wrong.passed is False


@every_prompt_with_tools
def test_each_expected_call_has_a_result(path: Path) -> None:
    prompt = prompt_of(path)
    for case in cases_of(path):
        for call in calls_of(case):
            (results,) = (tool.results for tool in prompt.tools if tool.name == call.name)
            given = json.loads(call.arguments).items()
            (result,) = [one for one in results if one.when.items() <= given][:1]
            fixed = results[-1] if result.nearest else result  # where no embedder computes it
            assert (case[fixed.column] if fixed.column else fixed.text).strip()


@every_prompt_with_tools
def test_a_model_that_calls_as_expected_passes_in_a_run_and_one_that_never_calls_fails_where_it_must(
    path: Path, database: Database, openai: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt, cases = prompt_of(path), cases_of(path)
    right = {render(prompt.messages, inputs_of(case), prompt.inputs)[-1].text: tuple(calls_of(case)) for case in cases}

    def calling(request: Request) -> Reply:
        calls = right.get(request.messages[-1].text, ()) if request.model == "good" else ()
        return Reply("" if calls else "Well.", "tool_calls" if calls else "stop", tool_calls=calls)

    monkeypatch.setattr(connections, "connect", lambda name: ScriptedEndpoint(calling, name="openai"))
    run_id = a_run(database, api.plan(prompt, cases, models=["openai/good", "openai/lazy"]))
    passed: dict[str, list[bool | None]] = {"good": [], "lazy": []}
    for row in result_rows(database, run_id):
        passed[row.model].append(row.scores["tool-sequence"].passed)
    assert passed["good"] == [True] * len(cases)
    assert passed["lazy"] == [case["expected"] == "none" for case in cases]


def test_the_continuation_is_plain_and_zero_shot_only() -> None:
    prompt = prompt_of(FOLDER / "continuation-zh.prompty")
    assert prompt.api == "completion"
    assert [name for name in TECHNIQUES if not unavailable(prompt, name)] == ["zero-shot"]
    assert cases_named("continuation-zh")[0] == {"start": "我今天真"}


def test_every_technique_can_be_learned_on_most_prompts() -> None:
    able = [p for p in map(prompt_of, FILES) if not any(unavailable(p, name) for name in TECHNIQUES)]
    assert len(able) >= 8


def test_generated_cases_are_the_same_bytes_again(tmp_path: Path) -> None:
    script = shutil.copy(FOLDER / "cases" / "generate.py", tmp_path)
    subprocess.run([sys.executable, script], check=True)
    tables = {file.name: file.read_bytes() for file in tmp_path.glob("*.csv")}
    assert set(tables) == {"arithmetic.csv", "arithmetic-zh.csv", "last-letters.csv", "coin-flips.csv"}
    assert tables == {name: (FOLDER / "cases" / name).read_bytes() for name in tables}


@pytest.mark.parametrize("name", ["arithmetic", "arithmetic-zh"])
def test_word_problems_have_the_answer_that_their_numbers_give(name: str) -> None:
    for case in cases_named(name):
        question = case["question"]
        (work,) = (formula for word, formula in WORKED.items() if word in question)
        assert work(*map(int, re.findall(r"\d+", question))) == int(case["expected"]) > 0


@every_prompt
def test_every_calculation_in_a_reasoning_is_right(path: Path) -> None:
    for example in prompt_of(path).examples:
        sums = CALCULATION.findall(example.reasoning)
        assert len(sums) == example.reasoning.count("=")
        for left, sign, right, result in sums:
            assert SIGNS[sign](float(left), float(right)) == float(result)


def test_last_letters_are_the_last_letters() -> None:
    for case in solved("last-letters"):
        assert "".join(re.findall(r"(\w)\b", case["words"])) == case["expected"]


def test_coins_lie_as_their_flips_leave_them() -> None:
    for case in solved("coin-flips"):
        sides = ["heads", "tails"] if "lies heads up" in case["story"] else ["tails", "heads"]
        assert case["expected"] == sides[case["story"].count(" flips the coin.") % 2]


def test_food_orders_cost_what_the_menu_says() -> None:
    menu_text = prompt_of(FOLDER / "food-order.prompty").messages[0].text
    menu = {item: float(price) for item, price in re.findall(r"^(\w+) \$(\d+\.\d\d)$", menu_text, re.MULTILINE)}
    assert set(menu) == {"burger", "fries", "chicken", "cola", "lemonade"}
    ordered = re.compile(rf"\b({'|'.join(COUNTS)}) ({'|'.join(menu)})s?\b", re.IGNORECASE)
    for case in cases_named("food-order"):
        total = sum(COUNTS[count.lower()] * menu[item] for count, item in ordered.findall(case["order"]))
        assert f"{total:.2f}" == case["expected"]


def test_answers_to_questions_stand_in_their_text() -> None:
    for case in solved("question-answering"):
        assert case["expected"] == "not stated" or case["expected"] in case["context"]


def test_summaries_in_examples_keep_to_their_limit() -> None:
    for example in prompt_of(FOLDER / "summarize.prompty").examples:
        assert len(example.answer.split()) <= 25 < len(example.inputs["text"].split())
