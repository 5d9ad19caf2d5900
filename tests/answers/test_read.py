from __future__ import annotations

import json
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import (
    find_json,
    find_labels,
    find_numerals,
    last_numeral,
    read_answer,
    search,
)
from promptgrid.prompt import AnswerKind, AnswerRule

NUMBER = AnswerRule("number")
MOOD = AnswerRule("label", labels=("positive", "negative", "mixed", "very positive"))
STIMMUNG = AnswerRule("label", labels=("积极", "消极"))
TEXT = AnswerRule()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234.50", ["1234.5"]),
        ("$42", ["42"]),
        ("-$5.20, then $-5", ["-5.2", "-5"]),
        ("42 apples", ["42"]),
        ("１，２３４．５", ["1234.5"]),
        ("٤٢", ["42"]),
        ("3/4 cup", ["0.75"]),
        ("1/3", ["1/3"]),
        ("1½ here, 1 1/2 there", ["1.5", "1.5"]),
        ("45 % there, 4.5% here", ["45%", "4.5%"]),
        ("−3", ["-3"]),
        ("1.234.567,50", ["1234567.5"]),
        ("6.02e23", ["602000000000000000000000"]),
        ("it is -5, 是-6. So x=-7", ["-5", "-6", "-7"]),
        ("- 8 apples", ["8"]),
        ("2 + 3 = 5.", ["5"]),
        ("共42个", ["42"]),
        ("CO2, x2, GPT-4 and 48 m^2", ["48"]),
        (r"\boxed{17}", ["17"]),
        (".5", ["0.5"]),
        ("007", ["7"]),
        ("none", []),
        ("The answer is one number, without a unit.", []),
        ("The answer must be a number. The answer is one.", ["1"]),
        ("There is one number that fits.", ["1"]),
        ("2 h 30 min", ["150 min"]),
        ("5 ft 3 in, or so", ["63 in"]),
        ("3小时20分", ["200 min"]),
        ("4 degrees below zero", ["-4"]),
        ("3分之1", ["1/3"]),
        ("half a dozen", ["6"]),
        ("1. Add\n2. Take away\nIt is 7 [2].", ["7"]),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, numbers: list[str]) -> None:
    assert [numeral.text for numeral in find_numerals(text)] == numbers


@pytest.mark.parametrize(
    "text",
    ["10 or 12", "5 - 3", "1,2,3", "1/0", "45%, 4.5%", "x > 5", "5 ± 0.1", "5M", "7B", "3x", "1.2.3", "192.168.1.1",
     "3 out of 5", "1990s", r"\sqrt[3]{8}", r"\frac{x}{5}", "5_2", "2^x", "two three", "12 345 67", "12,3456",
     "5 apples and 6 pears"],
)  # fmt: skip
def test_digits_beside_something_not_understood_never_stand_alone(text: str) -> None:
    answer = read_answer(NUMBER, f"Answer: {text}", marker="Answer:")
    assert answer.answer is None
    assert answer.note


@pytest.mark.parametrize(
    ("text", "answer"),
    [("3:8", "3:8"), ("2026-03-09", "2026-03-09"), ("9 March 2026", "2026-03-09"), ("10-30", "10-30"),
     ("[1, 6)", "[1,6)"), (r"7\sqrt{2}", "7√2"), (r"12\pi", "12π"), (r"2\sqrt{16}", "8")]
)  # fmt: skip
def test_several_numbers_that_mean_something_together_are_one_answer(text: str, answer: str) -> None:
    assert read_answer(NUMBER, f"Answer: {text}", marker="Answer:").answer == answer


@pytest.mark.parametrize(
    ("written", "language", "answer"),
    [("1.234", "en", "1.234"), ("1.234", "de", "1234"), ("1.234", "", None),
     ("1,234", "en", "1234"), ("1,234", "fr", "1.234"), ("1,234", "", None)],
)  # fmt: skip
def test_the_language_of_the_prompt_says_what_a_lone_mark_is(written: str, language: str, answer: str | None) -> None:
    assert read_answer(NUMBER, written, language=language).answer == answer


@settings(deadline=None, max_examples=60)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_any_decimal_is_read_back(value: object) -> None:
    result = last_numeral(f"So it is {value:,} in all")
    assert result is not None
    assert result.value == Fraction(str(value))


@pytest.mark.parametrize(
    "hostile",
    ["9" * 100_000, "1,234" * 20_000, "-" * 100_000, "1/" * 50_000, "1 " * 50_000, "1e999999999", "1." * 50_000],
    ids=lambda text: text[:6],
)
def test_a_loop_of_digits_takes_bounded_time(hostile: str) -> None:
    start = time.process_time()
    read_answer(NUMBER, hostile)
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("rule", "text", "labels"),
    [
        (MOOD, "Positive.", ["positive"]),
        (MOOD, "It's **Very  Positive**!", ["very positive"]),
        (MOOD, "nonpositive, positively", []),
        (MOOD, "答案是positive。", ["positive"]),
        (STIMMUNG, "这条评论是积极的", ["积极"]),
        (AnswerRule("label", labels=("积极", "不积极")), "我觉得不积极", ["不积极"]),
        (AnswerRule("label", labels=("A", "B")), "(b) since A Band is no b, B", ["B", "B"]),
        (AnswerRule("label", labels=("C++", "C#", "[x]")), "c++ or C# or [X]?", ["C++", "C#", "[x]"]),
        (AnswerRule("label", labels=()), "anything", []),
    ],
)
def test_labels_are_whole_words_in_their_own_spelling(rule: AnswerRule, text: str, labels: list[str]) -> None:
    assert [mention.label for mention in find_labels(rule.labels, text)] == labels


@pytest.mark.parametrize(
    ("text", "answer", "note"),
    [
        ("Positive.", "positive", ""),
        ("positive, positive, positive", "positive", ""),
        ("Positive, though not negative", "positive", ""),
        (
            "Positive, though a negative word",
            "positive",
            "names 2 labels: positive, negative; took the one it starts with",
        ),
        ("neither positive nor negative", None, "says that it is not positive"),
        ("meh", None, "names no label"),
        ("", None, "the reply is empty"),
    ],
)
def test_a_label_is_taken_when_it_is_the_only_one_or_comes_first(text: str, answer: str | None, note: str) -> None:
    result = read_answer(MOOD, text)
    assert (result.answer, result.note) == (answer, note)


@pytest.mark.parametrize(
    ("rule", "text", "answer"),
    [
        (NUMBER, "6 + 7\n**Answer:** 13 apples (of 60)", "13"),
        (NUMBER, "Answer: 3 + 4 = 7", "7"),
        (NUMBER, "Answer: After 3 days he has 12", "12"),
        (NUMBER, "Answer:\n\n$1,200.00", "1200"),
        (NUMBER, "> ANSWER ： ４２", "42"),
        (NUMBER, "Answer: 1\nNo, wait.\nAnswer: 2", "2"),
        (NUMBER, "Answer: \\( \\boxed{8} \\)", "8"),
        (TEXT, "Paris it is.\n**Answer: Paris**\n", "Paris"),
        (TEXT, "x\nAnswer: `a b`", "a b"),
        (TEXT, "x\nAnswer:\nfirst line\nsecond\n\nBye", "first line\nsecond"),
        (TEXT, "x\nAnswer: it is **bold** here", "it is **bold** here"),
        (MOOD, "It is not negative.\nAnswer: mixed", "mixed"),
        (AnswerRule("json"), 'so\nAnswer:\n```json\n{"b": 1,\n "a": 2}\n```', '{"a":2,"b":1}'),
        (AnswerRule("json"), 'so\nAnswer: {"a":\n 1}', '{"a":1}'),
        (AnswerRule("regex", pattern=r"([A-Z]{2})\d"), "AB1\nAnswer: CD2", "CD"),
    ],
)
def test_with_a_marker_the_last_marked_line_answers(rule: AnswerRule, text: str, answer: str) -> None:
    result = read_answer(rule, text, marker="Answer:")
    assert (result.answer, result.note) == (answer, "")


def test_the_form_of_an_answer_is_no_answer() -> None:
    assert read_answer(AnswerRule("number"), "The answer is one number, without a unit.").answer is None
    assert read_answer(AnswerRule("number"), "The answer is one.").answer == "1"
    assert read_answer(AnswerRule("number"), "The answer is one integer: 12.").answer == "12"


def test_what_stands_before_the_marker_is_the_reasoning() -> None:
    assert read_answer(NUMBER, "3 and 4.\nSum.\nAnswer: 7", marker="Answer:").reasoning == "3 and 4.\nSum."
    assert read_answer(NUMBER, "三加四。\n**答案**：7", marker="答案：").reasoning == "三加四。"


def test_a_word_that_only_begins_like_the_marker_is_no_marker() -> None:
    assert read_answer(TEXT, "Answers: many\nAnswering: no", marker="Answer:").answer is None


@pytest.mark.parametrize(
    ("rule", "text", "answer", "note"),
    [
        (TEXT, "Paris", None, "no 'Answer:' line"),
        (AnswerRule("regex", pattern="P"), "Paris", None, "no 'Answer:' line"),
        (NUMBER, "5, no 6", "6", "no 'Answer:' line; took the last number in the reply"),
        (MOOD, "positive? no, negative", "negative", "no 'Answer:' line; took the only label in the reply"),
        (MOOD, "positive, or negative", None, "no 'Answer:' line; names 2 labels: positive, negative"),
        (AnswerRule("json"), 'it is {"a":1}', '{"a":1}', "no 'Answer:' line; took the JSON in the reply"),
        (NUMBER, "I do not know", None, "no 'Answer:' line; no number in the reply"),
    ],
)
def test_without_the_marked_line_the_note_says_so(rule: AnswerRule, text: str, answer: str | None, note: str) -> None:
    result = read_answer(rule, text, marker="Answer:")
    assert (result.answer, result.note) == (answer, note)


def test_a_thought_is_reasoning_and_never_the_answer() -> None:
    answer = read_answer(NUMBER, "<think>\nAnswer: 3\n</think>\n\nSum.\nAnswer: 5", marker="Answer:")
    assert (answer.reasoning, answer.answer) == ("Answer: 3\n\nSum.", "5")
    assert read_answer(TEXT, "so be it</think>Yes").reasoning == "so be it"
    cut = read_answer(NUMBER, "<think>maybe 4")
    assert (cut.answer, cut.note) == (None, "the reasoning was cut before an answer came")


def test_json_is_found_canonical_and_of_the_kind_the_schema_wants() -> None:
    rule = AnswerRule("json", schema={"type": "object"})
    assert read_answer(rule, 'see [1]: {"b": "}", "a": [2]} ok').answer == '{"a":[2],"b":"}"}'
    assert find_json('{"first": 1}\n```json\n{"fenced": 1}\n```') == '{"fenced":1}'
    assert find_json("{NaN} {'single': 1} [1, 2]") is None
    assert find_json('{"a": NaN}') is None


def test_json_with_a_lone_surrogate_can_still_be_stored() -> None:
    result = find_json('{"a": "\\ud800"}')
    assert result is not None
    result.encode()
    assert json.loads(result) == {"a": "\ud800"}


@pytest.mark.parametrize("hostile", ["[" * 100_000, "{" * 100_000, '{"a":' * 50_000, "```" * 50_000, "[1," * 50_000])
def test_brackets_without_end_take_bounded_time(hostile: str) -> None:
    start = time.process_time()
    assert read_answer(AnswerRule("json"), hostile).answer is None
    assert time.process_time() - start < 3


def test_a_slow_or_broken_pattern_is_a_note() -> None:
    slow = read_answer(AnswerRule("regex", pattern="^(a|a)*[bc]$"), "a" * 5000 + "-b")
    assert (slow.answer, "too slow" in slow.note) == (None, True)
    assert "is wrong" in read_answer(AnswerRule("regex", pattern="("), "x").note


def test_search_gives_the_first_group_or_the_match() -> None:
    assert search(r"Total: \$(\d+)", "Total: $12").text == "12"
    assert search(r"\d+", "Total: $12").text == "12"
    assert search(r"a|(b)", "a").text == "a"


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["text", "label", "number", "json", "regex"]), st.text(), st.sampled_from(["", "Answer:"]))
def test_reading_never_raises(kind: AnswerKind, text: str, marker: str) -> None:
    read_answer(AnswerRule(kind, labels=("yes", "no"), pattern=r"(\w+)$"), text, marker=marker)
