from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import read_answer
from promptgrid.errors import PlanError
from promptgrid.grading import CHECKS, CheckSpec, Score, default_checks, grade, parse_check
from promptgrid.grading.spec import OPTIONS
from promptgrid.prompt import AnswerRule

TEXT, NUMBER = AnswerRule(), AnswerRule("number")
MOOD = AnswerRule("label", labels=("positive", "negative", "mixed"))
ORDER = AnswerRule(
    "json",
    schema={
        "type": "object",
        "properties": {"item": {"type": "string"}, "quantity": {"type": "integer"}},
        "required": ["item", "quantity"],
        "additionalProperties": False,
    },
)


def scored(check: str, output: str, expected: str | None, rule: AnswerRule = TEXT) -> Score:
    return grade(
        parse_check(check), output=output, answer=read_answer(rule, output).answer, expected=expected, rule=rule
    )


@pytest.mark.parametrize(
    ("check", "rule", "output", "expected", "passed", "explanation"),
    [
        ("exact", TEXT, " Paris\n", "Paris", True, "answer Paris, as expected"),
        ("exact", TEXT, "paris", "Paris", False, "answer paris, expected Paris"),
        ("exact:ignore_case=true", TEXT, "PARIS", "Paris", True, "answer PARIS, as expected"),
        ("exact:ignore_space=true", TEXT, "a  b\nc", "a b c", True, "answer a b c, as expected"),
        ("exact", ORDER, '{"b": 1.5, "a": 2}', '{"a":2,"b":1.5}', True, 'answer {"a":2,"b":1.5}, as expected'),
        ("label", MOOD, "It is mixed.", "Mixed", True, "answer mixed, as expected"),
        ("label", MOOD, "positive", "mixed", False, "answer positive, expected mixed"),
        ("contains", TEXT, "The capital is Paris.", "paris", True, "paris is in the answer"),
        ("contains:ignore_case=false", TEXT, "Paris.", "paris", False, "paris is not in the answer"),
        ("contains:text=refund", TEXT, "No Refund today", None, True, "refund is in the output"),
        ("contains", TEXT, "A fresh start.", "art", False, "art is only a part of a word or number in the answer"),
        ("contains", TEXT, "It costs 15.50.", "5.5", False, "5.5 is only a part of a word or number in the answer"),
        ("contains", TEXT, "It costs 5.20.", "5", False, "5 is only a part of a word or number in the answer"),
        ("contains", TEXT, "Start with art.", "art", True, "art is in the answer"),
        ("contains", TEXT, "他住在北京市。", "北京", True, "北京 is in the answer"),
        ("contains", TEXT, "C++ (or C#)", "c++", True, "c++ is in the answer"),
        ("contains:words=false", TEXT, "restarted", "start", True, "start is in the answer"),
        ("contains:text=a,words=true", TEXT, "at", None, False, "a is only a part of a word or number in the output"),
        ("regex:pattern=^\\d{3}$", TEXT, "123", None, True, "^\\d{3}$ matched 123"),
        ("regex:pattern=^\\d{3}$", TEXT, "1234", None, False, "no match of ^\\d{3}$"),
        ("regex", AnswerRule("regex", pattern=r"\$(\d+)"), "Total: $12", "12", True, "answer 12, as expected"),
        ("regex", AnswerRule("regex", pattern=r"\$(\d+)"), "Total: $12", "13", False, "answer 12, expected 13"),
        ("regex", AnswerRule("regex", pattern=r"\$(\d+)"), "free", "13", False, "no match of \\$(\\d+)"),
        ("number", NUMBER, "It is 41.", "42", False, "answer 41, expected 42, off by 1"),
        ("number", NUMBER, "$1,000.0", "1000", True, "answer 1000, expected 1000: equal"),
        ("number", NUMBER, "3/4", "0.75", True, "answer 0.75, expected 0.75: equal"),
        ("number", NUMBER, "45%", "45", True, "answer 45%, expected 45: equal"),
        ("number", NUMBER, "45%", "0.45", True, "answer 45%, expected 0.45: equal"),
        ("number", NUMBER, "45%", "46%", False, "answer 45%, expected 46%, off by 0.01"),
        ("number:tolerance=1", NUMBER, "41", "42", True, "answer 41, expected 42, off by 1 (allowed 1)"),
        ("number:relative=0.01", NUMBER, "41", "42", False, "answer 41, expected 42, off by 1 (allowed 0.42)"),
        ("number", TEXT, "about ten", "10", True, "answer 10, expected 10: equal"),
        ("number", TEXT, "about it", "10", False, "answer about it holds no number, expected 10"),
        ("json-schema", ORDER, 'Sure: {"item": "tea", "quantity": 2}', None, True, "fits the schema"),
        ("json-schema", ORDER, '{"item":"a","quantity":"x"}', None, False, "$.quantity: 'x' is not of type 'integer'"),
        ("json-schema", ORDER, '{"item": "tea"}', None, False, "$: 'quantity' is a required property"),
        ("json-schema", ORDER, '{"item":"a","quantity":1,"x":2}', None, False, "$: 'x' is not in the schema"),
        ("json-schema", ORDER, "no order", None, False, "no JSON in the reply"),
        ("number", TEXT, "It weighs 1.5 kg.", "1500 g", True, "answer 1.5 kg, expected 1500 g: equal"),
        ("number", NUMBER, "It weighs 1.5 kg.", "1500 g", True, "answer 1.5 kg, expected 1500 g: equal"),
        ("number", NUMBER, "1500", "1500 g", True, "answer 1500, expected 1500 g: equal"),
        ("number", TEXT, "1500 kg", "1500 g", False, "answer 1500 kg, expected 1500 g, off by 1.4985e+06 g"),
        ("number", TEXT, "20 degrees Celsius", "68 °F", True, "answer 20 °C, expected 68 °F: equal"),
        ("number:tolerance=2", TEXT, "21 ℃", "68 °F", True, "answer 21 °C, expected 68 °F, off by 1.8 °F (allowed 2)"),
        ("number", TEXT, "90 km/h", "25 m/s", True, "answer 90 km/h, expected 25 m/s: equal"),
        ("number", TEXT, "36 千米", "36000 m", True, "answer 36 km, expected 36000 m: equal"),
        ("number", TEXT, "5 MW", "5 mW", False, "answer 5 MW, expected 5 mW, off by 5e+09 mW"),
        ("number", TEXT, "12 in total", "12 apples", True, "answer 12, expected 12: equal"),
        ("number:unit=kg", TEXT, "1500 g", "1.5", True, "answer 1500 g, expected 1.5 kg: equal"),
        ("number:unit=kg", TEXT, "3 m", "1.5", False, "answer 3 m is no mass"),
        ("json-equal", TEXT, '{"b": 1.0, "a": [1, 2]}', '{"a": [1, 2.0], "b": 1}', True, "the same JSON"),
        ("json-equal", TEXT, 'So: [{"x": 2}]', '[{"x": 3}]', False, "$[0].x: 2, expected 3"),
        ("json-equal", TEXT, '{"a": 1}', '{"a": 1, "b": 2}', False, "$: 'b' is missing"),
        ("json-equal", TEXT, '{"a": 1, "c": {}}', '{"a": 1}', False, "$: 'c' is not expected"),
        ("json-equal", TEXT, '{"a": [1]}', '{"a": []}', False, "$.a: 1 items, expected 0"),
        ("json-equal", TEXT, "true", "1", False, "$: true, expected 1"),
        ("json-equal", TEXT, "none", "{}", False, "no JSON in the reply"),
        ("length:max=3", TEXT, "Two words, really four.", None, False, "4 words (at most 3)"),
        ("length:min=3,max=9", TEXT, "我喜欢你", None, True, "4 words (at least 3, at most 9)"),
        ("length:unit=chars,max=5", TEXT, "héllo", None, True, "5 chars (at most 5)"),
        ("length:unit=tokens,max=2", TEXT, "hello world", None, True, "2 tokens (at most 2)"),
    ],
)  # fmt: skip
def test_a_score_explains_itself(
    check: str, rule: AnswerRule, output: str, expected: str | None, passed: bool, explanation: str
) -> None:
    score = scored(check, output, expected, rule)
    assert (score.passed, score.explanation) == (passed, explanation)
    assert score.value == float(passed)


@pytest.mark.parametrize(
    ("check", "rule", "output", "expected", "explanation"),
    [
        ("exact", TEXT, "Paris", None, "not scored: the case has no expected value"),
        ("number", NUMBER, "none", "42", "not scored: no answer could be read"),
        ("number", NUMBER, "42", "many", "not scored: many is not one number"),
        ("label", MOOD, "mixed", "mxied", "not scored: mxied is none of the labels positive, negative, mixed"),
        ("contains:text=x", TEXT, "  ", None, "not scored: the reply is empty"),
        ("regex", TEXT, "x", None, "not scored: no pattern (write regex:pattern=…)"),
        ("regex:pattern=(", TEXT, "x", None, "not scored: the pattern '(' is wrong: missing ) at position 1"),
        ("json-schema", TEXT, "{}", None, "not scored: the prompt's answer rule has no schema"),
        ("json-schema", ORDER, "", None, "not scored: the reply is empty"),
        ("number:unit=kg", TEXT, "1 kg", "1 m", "not scored: expected 1 m is no mass"),
        ("json-equal", TEXT, "{}", "{", "not scored: expected { is not JSON"),
        ("similarity", TEXT, "x", None, "not scored: the case has no expected value"),
        ("language:is=en", TEXT, "yes", None, "not scored: the reply is too short to identify its language"),
        (
            "language:is=english",
            TEXT,
            "yes",
            None,
            "not scored: english is not a known language code (English is en, Chinese zh)",
        ),
    ],
)
def test_what_cannot_be_scored_is_none_and_not_zero(
    check: str, rule: AnswerRule, output: str, expected: str | None, explanation: str
) -> None:
    score = scored(check, output, expected, rule)
    assert (score.value, score.passed, score.explanation) == (None, None, explanation)


@pytest.mark.parametrize(
    ("check", "output", "value", "passed"),
    [
        ("similarity", "kitten", 1 - 3 / 7, False),  # to sitting: three of seven letters change
        ("similarity:min=0.5", "kitten", 1 - 3 / 7, True),
        ("similarity", "SITTING", 0.0, False),
        ("similarity:ignore_case=true", "SITTING", 1.0, True),
        ("similarity:method=token", "sitting", 1.0, True),
    ],
)
def test_similarity_is_a_value_that_passes_from_a_threshold_on(
    check: str, output: str, value: float, passed: bool
) -> None:
    score = scored(check, output, "sitting")
    assert score.value == pytest.approx(value)
    assert score.passed is passed


def test_words_in_another_order_are_similar_by_token_alone() -> None:
    assert scored("similarity:method=token", "tea and two cakes", "two cakes and tea").value == 1
    assert (scored("similarity", "tea and two cakes", "two cakes and tea").value or 0) < 0.5


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("The review mentions both good and bad things.", "en"),
        ("这个评论是正面的，我很喜欢它。", "zh"),
        ("Das ist ein kurzer Satz über das Wetter.", "de"),
    ],
)
def test_the_language_of_a_reply_is_told_offline(output: str, code: str) -> None:
    assert scored(f"language:is={code}", output, None).passed is True
    wrong = scored("language:is=fr", output, None)
    assert wrong.passed is False
    assert wrong.explanation.startswith(f"{code} (")


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "nope"}, "the schema is wrong at $.type"),
        ({"$ref": "#"}, "too deeply nested"),
        ({"$ref": "http://127.0.0.1:1/schema"}, "which is not in it"),
    ],
)
def test_a_schema_that_is_at_fault_scores_nothing(schema: dict[str, Any], says: str) -> None:
    score = scored("json-schema", '{"a": 1}', None, AnswerRule("json", schema=schema))
    assert score.passed is None
    assert says in score.explanation


def test_a_schema_compares_numbers_as_json_does() -> None:
    rule = AnswerRule("json", schema={"uniqueItems": True})
    assert scored("json-schema", "[1, 1.0]", None, rule).passed is False
    assert scored("json-schema", '[1, "1", true, [1], {"a": 1}]', None, rule).passed is True


def test_pattern_properties_and_additional_properties_hold_together() -> None:
    schema = {"patternProperties": {"^n_": {"type": "integer"}}, "additionalProperties": {"type": "string"}}
    rule = AnswerRule("json", schema=schema)
    assert scored("json-schema", '{"n_a": 1, "b": "x"}', None, rule).passed is True
    assert scored("json-schema", '{"n_a": "x"}', None, rule).explanation == "$.n_a: 'x' is not of type 'integer'"
    assert scored("json-schema", '{"b": 1}', None, rule).explanation == "$.b: 1 is not of type 'string'"


SLOW = "^(a|a)*[bc]$"
HOSTILE = {
    "slow pattern": (f"regex:pattern={SLOW}", TEXT, "a" * 3000 + "?"),
    "slow schema pattern": ("json-schema", AnswerRule("json", schema={"properties": {"a": {"pattern": SLOW}}}),
                            json.dumps({"a": "a" * 3000})),
    "slow key pattern": ("json-schema", AnswerRule("json", schema={"patternProperties": {SLOW: {}}}),
                         json.dumps({"a" * 3000: 1})),
    "long unique list": ("json-schema", AnswerRule("json", schema={"items": {"uniqueItems": True}}),
                         json.dumps([[{"i": i} for i in range(10_000)]])),
    "deep nesting": ("json-schema", AnswerRule("json", schema={"type": "array"}), "[" * 50_000 + "]" * 50_000),
    "huge integer": ("json-schema", AnswerRule("json", schema={"items": {"multipleOf": 0.1}}), f"[{'9' * 4000}]"),
    "huge number": ("number", NUMBER, "9" * 390),
    "long text": ("exact", TEXT, "x" * 1_000_000),
    "long texts to compare": ("similarity", TEXT, "ab" * 500_000),
    "deep JSON to compare": ("json-equal", TEXT, "[" * 50_000 + "]" * 50_000),
    "one long word": ("length:max=5", TEXT, "x" * 1_000_000),
    "tokens of one long word": ("length:unit=tokens,max=5", TEXT, "x" * 1_000_000),
    "a long text's language": ("language:is=en", TEXT, "x\ud800" * 500_000),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_output_is_scored_in_bounded_time(name: str) -> None:
    check, rule, output = HOSTILE[name]
    start = time.process_time()
    score = scored(check, output, "1", rule)
    assert time.process_time() - start < 3
    assert len(score.explanation) < 300
    assert ("too slow" in score.explanation) == name.startswith("slow")


WITH_OPTIONS = (
    "length:max=2",
    "length:unit=tokens,min=1",
    "language:is=en",
    "number:unit=kg",
    "held:aim=system,text=a b c d e f",
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([*sorted({*CHECKS} - {"length", "language", "held"}), *WITH_OPTIONS]), st.text(), st.text())
def test_grading_never_raises(check: str, output: str, expected: str) -> None:
    for rule in (TEXT, NUMBER, MOOD, ORDER):
        score = scored(check, output, expected, rule)
        assert (score.value is None) == (score.passed is None)
        assert score.explanation


def test_a_check_is_written_as_it_is_read() -> None:
    spec = parse_check("polite=contains:text=please, sir,ignore_case=false")
    assert spec == CheckSpec("polite", "contains", {"text": "please, sir", "ignore_case": False})
    assert parse_check(r"regex:pattern=^a:b=c{1,2}$").options == {"pattern": "^a:b=c{1,2}$"}
    assert str(parse_check("label")) == "label"


@settings(deadline=None, max_examples=60)
@given(st.text(), st.booleans())
def test_any_option_survives_being_written(text: str, flag: bool) -> None:
    for kind, option in (("contains", "text"), ("regex", "pattern")):
        spec = CheckSpec("mine", kind, {option: text, "ignore_case": flag})
        assert parse_check(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("labl", "Did you mean label?"),
        ("", "There are: exact, label"),
        ("number:tolerence=1", "Did you mean tolerance?"),
        ("number:tolerance=lots", "tolerance=lots"),
        ("number:tolerance=-1", "0 or a number above it"),
        ("exact:ignore_case=yes", "true or false"),
        ("label:x=1", "It has no options."),
        ("regex:abc", "no option 'abc'"),
        ('contains:text="open', "is not closed"),
        ("a/b=exact", "cannot name a check"),
        ("lenght:max=1", "Did you mean length?"),
        ("length", "Give it a length"),
        ("length:min=5,max=2", "Give it a length"),
        ("length:unit=words", "Give it a length"),
        ("number:unit=kgg", "Did you mean kg?"),
        ("similarity:method=edits", "one of edit, token, embedding"),
        ("similarity:method=embedding", "belong together"),
        ("similarity:min=2", "from 0 to 1"),
        ("language", "Name the language"),
        ("python:function=score", "Name the file"),
        ("python:file=a.py,seconds=0", "a number of seconds up to 600"),
        ("judge:rubric=polite", "Name the model"),
        ("judge:model=a/b,scale=5-1", "pass/fail, or two whole numbers"),
        ("judge:model=a/b,rubirc=x", "Did you mean rubric?"),
        ("mine=usual", "takes no name"),
    ],
)
def test_a_wrong_check_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_check(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "with_expected", "without"),
    [
        (TEXT, ["contains"], []),
        (MOOD, ["label"], []),
        (NUMBER, ["number"], []),
        (ORDER, ["json-schema", "exact"], ["json-schema"]),
        (AnswerRule("json"), ["exact"], []),
        (AnswerRule("regex", pattern="x"), ["regex"], ["regex"]),
    ],
)
def test_each_answer_rule_has_its_usual_checks(rule: AnswerRule, with_expected: list[str], without: list[str]) -> None:
    assert [str(spec) for spec in default_checks(rule, True)] == with_expected
    assert [str(spec) for spec in default_checks(rule, False)] == without


def test_every_kind_of_check_has_its_options_listed() -> None:
    assert {*CHECKS, "python", "judge", "usual"} == set(OPTIONS)


@pytest.mark.parametrize("text", ["foo ", " foo", "", 'a "b"', "a,b"])
def test_a_check_survives_being_written_and_read(text: str) -> None:
    spec = CheckSpec("contains", "contains", {"text": text})
    assert parse_check(str(spec)) == spec
