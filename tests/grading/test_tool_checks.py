"""The checks of tool calls say what was expected, what came, and in which argument they differ."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.errors import PlanError
from promptgrid.grading import Score, grade, parse_check
from promptgrid.grading.tool_checks import MOST_CALLS, TOOL_CHECKS
from promptgrid.prompt import AnswerRule, Tool, ToolCall

WEATHER = Tool(
    "get_weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "place": {"type": "object"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
TOOLS = (WEATHER, Tool("get_time"))
PARIS = ("get_weather", {"city": "Paris"})
ROME = ("get_weather", {"city": "Rome"})
NOW: tuple[str, Any] = ("get_time", {})


def scored(
    check: str,
    expected: str | None,
    calls: Sequence[tuple[str, Any]] = (),
    tools: Sequence[Tool] = TOOLS,
    inputs: Mapping[str, Any] | None = None,
) -> Score:
    """Returns the score of the calls: (name, arguments), which are a text or what is written as JSON."""
    made = [ToolCall(str(i), name, a if isinstance(a, str) else json.dumps(a)) for i, (name, a) in enumerate(calls)]
    return grade(
        parse_check(check), output="", answer=None, expected=expected, rule=AnswerRule(), calls=made, tools=tools,
        inputs=inputs or {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("check", "expected", "calls", "passed", "explanation"),
    [
        ("tool-called", None, [PARIS], True, "called: get_weather"),
        ("tool-called", None, [], False, "no call: expected any tool"),
        ("tool-called", None, [("get_wether", {})], False, "missing call: any tool; called: get_wether()"),
        ("tool-called:name=get_time", None, [PARIS, NOW], True, "called: get_time"),
        ("tool-called:name=get_time", "none", [PARIS], False,
         'missing call: get_time; called: get_weather(city="Paris")'),
        ("tool-called", 'get_weather(city="Rome"); get_time', [PARIS, NOW], True, "called: get_weather, get_time"),
        ("tool-called", "get_weather; get_time", [PARIS], False,
         'missing call: get_time; called: get_weather(city="Paris")'),
        ("tool-not-called", None, [], True, "no tool is called"),
        ("tool-not-called", "none", [NOW], False, "unwanted call: get_time()"),
        ("tool-not-called:name=get_time", "get_weather", [PARIS], True, "get_time is not called"),
        ("tool-not-called:name=get_time", None, [PARIS, NOW], False, "unwanted call: get_time()"),
        ("tool-args", 'get_weather(city="Paris")', [ROME, NOW, PARIS], True, 'as expected: get_weather(city="Paris")'),
        ("tool-args", 'get_weather(city="Rome")', [PARIS], False,
         'wrong value: get_weather: city is "Paris", expected "Rome"'),
        ("tool-args", "get_weather(city=5)", [PARIS], False,
         'wrong type: get_weather: city is the text "Paris", expected 5'),
        ("tool-args", "get_weather(city=5|null)", [PARIS], False,
         'wrong type: get_weather: city is the text "Paris", expected 5|null'),
        ("tool-args", 'get_weather(city="Paris", days=3)', [PARIS], False,
         "missing argument: get_weather: days is not given, expected 3"),
        ("tool-args", "get_weather()", [PARIS], False,
         'unknown argument: get_weather: city is "Paris", and is not expected'),
        ("tool-args:extra=true", "get_weather()", [PARIS], True, "as expected: get_weather()"),
        ("tool-args", "get_weather(...)", [PARIS], True, "as expected: get_weather(...)"),
        ("tool-args", 'get_weather(city="Paris", days?=3)', [PARIS], True,
         'as expected: get_weather(city="Paris", days?=3)'),
        ("tool-args", 'get_weather(city="paris")', [PARIS], False,
         'wrong value: get_weather: city is "Paris", expected "paris"'),
        ("tool-args:loose=true", 'get_weather(city="p a-r.i*s")', [PARIS], True,
         'as expected: get_weather(city="p a-r.i*s")'),
        ("tool-args", "get_weather(x=0.3±0.1)", [("get_weather", {"x": 0.4})], True,
         "as expected: get_weather(x=0.3±0.1)"),
        ("tool-args", "get_weather(x=0.3±0.1)", [("get_weather", {"x": 0.41})], False,
         "wrong value: get_weather: x is 0.41, expected 0.3±0.1"),
        ("tool-args", "get_weather(x=1)", [("get_weather", {"x": 1.0})], True, "as expected: get_weather(x=1)"),
        ("tool-args", "get_weather(x=1)", [("get_weather", {"x": True})], False,
         "wrong type: get_weather: x is true, expected 1"),
        ("tool-args", "get_weather(x=null)", [("get_weather", {"x": 0})], False,
         "wrong type: get_weather: x is the number 0, expected null"),
        ("tool-args", 'get_weather(x=regex("^a+$"))', [("get_weather", {"x": "aab"})], False,
         'wrong value: get_weather: x is "aab", expected regex("^a+$")'),
        ("tool-args", 'get_weather(place={"at": [{"lat": 1±0.1}, anything]})',
         [("get_weather", {"place": {"at": [{"lat": 2}, 0]}})],
         False, "wrong value: get_weather: place.at[0].lat is 2, expected 1±0.1"),
        ("tool-args", "get_weather(x=[1, 2])", [("get_weather", {"x": [1]})], False,
         "wrong value: get_weather: x has 1 items, expected 2"),
        ("tool-args", "get_weather(x={})", [("get_weather", {"x": {"y": 1}})], False,
         "unknown argument: get_weather: x.y is 1, and is not expected"),
        ("tool-args", "get_weather(x=1, y=2)", [("get_weather", {"x": 2, "y": "2"})], False,
         'wrong value: get_weather: x is 2, expected 1; wrong type: get_weather: y is the text "2", expected 2'),
        ("tool-args", "get_weather", [("get_weather", '{"city": "Par')], False,
         'bad arguments: get_weather: the arguments {"city": "Par are not JSON '
         "(Unterminated string starting at: line 1 column 10 (char 9))"),
        ("tool-args", "get_weather(x=anything)", [("get_weather", '{"x": NaN}')], False,
         'bad arguments: get_weather: the arguments {"x": NaN} are not JSON (NaN is no JSON)'),
        ("tool-args", "get_weather(x=anything)", [("get_weather", '{"x": 1, "x": 2}')], False,
         'bad arguments: get_weather: the arguments {"x": 1, "x": 2} are not JSON (x is there twice)'),
        ("tool-args", "get_weather", [("get_weather", "[1]")], False,
         "bad arguments: get_weather: the arguments [1] are no JSON object"),
        ("tool-args", "get_time()", [("get_time", "")], True, "as expected: get_time()"),
        ("tool-args", "get_weather", [("get_wether", {})], False,
         "unknown tool: get_wether is called. The prompt has: get_weather, get_time; expected get_weather"),
        ("tool-sequence", 'get_weather(city="Paris")', [PARIS], True, 'as expected: get_weather(city="Paris")'),
        ("tool-sequence", "get_weather; get_time", [PARIS, NOW], True, "as expected: get_weather, get_time"),
        ("tool-sequence", "get_time; get_weather", [PARIS, NOW], False,
         'wrong order: get_weather(city="Paris"), get_time(); expected get_time, get_weather'),
        ("tool-sequence:order=any", "get_time; get_weather", [PARIS, NOW], True, "as expected: get_time, get_weather"),
        ("tool-sequence", "get_weather", [PARIS, ROME], False,
         'too many calls: 2, expected 1; left over: get_weather(city="Rome")'),
        ("tool-sequence:order=any", 'get_weather(city="Rome")', [PARIS, ROME], False,
         'too many calls: 2, expected 1; left over: get_weather(city="Paris")'),
        ("tool-sequence", "get_weather; get_weather", [PARIS], False,
         'missing call: get_weather; called: get_weather(city="Paris")'),
        ("tool-sequence:order=in-order", "get_weather; get_time", [ROME, PARIS, NOW, ROME], True,
         "in the expected order: get_weather, get_time"),
        ("tool-sequence:order=in-order", "get_time; get_weather", [ROME, NOW], False,
         'wrong order: get_weather(city="Rome"), get_time(); expected get_time, get_weather'),
        ("tool-sequence", "none", [], True, "no tool is called, as expected"),
        ("tool-sequence", "[]", [PARIS], False, 'unwanted call: get_weather(city="Paris")'),
        ("tool-schema", None, [PARIS, NOW], True, 'by the schema: get_weather(city="Paris"), get_time()'),
        ("tool-schema", None, [("get_weather", {"city": "Paris", "days": "x"})], False,
         "not by the schema: get_weather: $.days: 'x' is not of type 'integer'"),
        ("tool-schema", None, [("get_weather", {})], False,
         "not by the schema: get_weather: $: 'city' is a required property"),
        ("tool-schema", None, [("get_weather", {"city": "a", "x": 1})], False,
         "not by the schema: get_weather: $: 'x' is not in the schema"),
        ("tool-schema", None, [("get_wether", {})], False,
         "unknown tool: get_wether is called. The prompt has: get_weather, get_time"),
        ("tool-schema", None, [("get_weather", "{")], False,
         "bad arguments: get_weather: the arguments { are not JSON "
         "(Expecting property name enclosed in double quotes: line 1 c…)"),
    ],
)  # fmt: skip
def test_a_score_explains_itself(
    check: str, expected: str | None, calls: list[tuple[str, Any]], passed: bool, explanation: str
) -> None:
    score = scored(check, expected, calls)
    assert (score.passed, score.explanation) == (passed, explanation)
    assert score.value == float(passed)


@pytest.mark.parametrize(
    ("check", "expected", "calls", "explanation"),
    [
        ("tool-called", "none", [], "not scored: the case expects no call, which tool-not-called checks"),
        ("tool-args", "none", [], "not scored: the case expects no call, which tool-not-called checks"),
        ("tool-not-called", "get_time", [], "not scored: the case expects calls, which tool-called checks"),
        ("tool-args", None, [PARIS], "not scored: the case has no expected calls"),
        ("tool-sequence:column=calls", "none", [PARIS],
         "not scored: the case has no expected calls in its column calls"),
        ("tool-sequence", "sunny today", [PARIS], "not scored: the expected calls cannot be read: "
         "; or a new line is missing before today (character 7)"),
        ("tool-schema", None, [], "not scored: no tool is called"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_says_why(
    check: str, expected: str | None, calls: list[tuple[str, Any]], explanation: str
) -> None:
    score = scored(check, expected, calls)
    assert (score.value, score.passed, score.explanation) == (None, None, explanation)


def test_a_prompt_without_tools_is_not_scored() -> None:
    for check in TOOL_CHECKS:
        assert scored(check, "none", tools=()).explanation == "not scored: the prompt has no tools"


def test_the_expected_calls_may_stand_in_a_column_of_their_own() -> None:
    inputs = {"calls": [{"name": "get_weather", "arguments": {"city": "Paris"}}], "text": "get_time()"}
    assert scored("tool-args:column=calls", "sunny", [PARIS], inputs=inputs).passed is True
    assert scored("tool-args:column=text", "sunny", [PARIS], inputs=inputs).passed is False


def test_an_expected_answer_that_is_no_text_is_not_taken_for_calls() -> None:
    for kind in ("number", "label", "json", "regex"):
        rule = AnswerRule(kind)
        called = [ToolCall("1", "get_time", "{}")]
        results = {
            check: grade(
                parse_check(check), output="", answer=None, expected="18", rule=rule, calls=called, tools=TOOLS
            )
            for check in ("tool-called", "tool-not-called", "tool-args")
        }
        assert [score.passed for score in results.values()] == [True, False, None]
        assert results["tool-args"].explanation == "not scored: the case has no expected calls: name their column"


def test_calls_in_any_order_are_paired_at_best_and_not_greedily() -> None:
    """The first expected call fits both calls, the second only the first."""
    expected = 'get_weather(city="Paris"|"Rome"); get_weather(city="Paris")'
    assert scored("tool-sequence:order=any", expected, [PARIS, ROME]).passed is True
    assert scored("tool-args", expected, [PARIS, ROME]).passed is True
    assert scored("tool-sequence:order=any", expected, [ROME, ROME]).explanation == (
        'wrong value: get_weather: city is "Rome", expected "Paris"'
    )


def test_a_pattern_that_is_too_slow_is_not_scored() -> None:
    score = scored(
        "tool-args", 'get_weather(city=regex("^(a|a)*[bc]$"))', [("get_weather", {"city": "a" * 3000 + "?"})]
    )
    assert score.passed is None
    assert "too slow" in score.explanation


def test_a_schema_that_is_wrong_is_not_scored() -> None:
    tool = Tool("f", parameters={"type": "objekt"})
    assert scored("tool-schema", None, [("f", {})], tools=[tool]).passed is None


HOSTILE: dict[str, list[tuple[str, Any]]] = {
    "many calls": [PARIS] * 10_000,
    "many calls that are judged": [ROME] * MOST_CALLS,
    "a megabyte": [("get_weather", {"city": "x" * 1_000_000})],
    "a megabyte of names": [("get_weather", {str(i): i for i in range(100_000)})],
    "deep nesting": [("get_weather", '{"city": ' + "[" * 99_999 + "]" * 99_999 + "}")],
    "nesting that JSON can take": [("get_weather", '{"city": ' + "[" * 800 + "]" * 800 + "}")],
    "a number of many digits": [("get_weather", '{"city": ' + "9" * 5000 + "}")],
    "a number that is too large": [("get_weather", '{"city": 1e999}')],
    "a long name": [("x" * 1_000_000, {})],
    "no name": [("", "")],
    "control characters": [("get_weather\x1b[31m", '{"city": "\\u202e\\u0000"}')],
    "a lone surrogate": [("get_weather", '{"city": "\\ud800"}')],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("check", TOOL_CHECKS)
def test_hostile_calls_are_judged_in_bounded_time(name: str, check: str) -> None:
    start = time.process_time()
    score = scored(check, 'get_weather(city="Paris"); get_weather(city=5±1)', HOSTILE[name])
    assert time.process_time() - start < 3
    assert len(score.explanation) <= 300
    assert score.explanation.isprintable()


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(TOOL_CHECKS)), st.text(), st.text(), st.text() | st.none())
def test_no_call_and_no_expected_cell_raises(check: str, name: str, arguments: str, expected: str | None) -> None:
    for called in (name, "get_weather"):
        score = scored(check, expected, [(called, arguments)])
        assert (score.value is None) == (score.passed is None)
        assert score.explanation


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tool-args:names=x", "has no option 'names'"),
        ("tool-sequence:order=same", "one of exact, in-order, any"),
        ("tool-arg", "Did you mean tool-args?"),
    ],
)
def test_a_wrong_check_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_check(text)
    assert says in str(caught.value)
