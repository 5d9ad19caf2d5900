from __future__ import annotations

import json
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import (
    MajorityAnswer,
    find_json,
    find_labels,
    find_numbers,
    last_number,
    read_answer,
    search,
    vote,
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
        ("-$5.20 and $-5", ["-5.2", "-5"]),
        ("42 apples", ["42"]),
        ("１，２３４．５", ["1234.5"]),
        ("٤٢", ["42"]),
        ("3/4 cup", ["0.75"]),
        ("1/3", ["1/3"]),
        ("1½ or 1 1/2", ["1.5", "1.5"]),
        ("45 %, 4.5%", ["45%", "4.5%"]),
        ("−3", ["-3"]),
        ("1.234.567,50", ["1234567.5"]),
        ("6.02e23", ["602000000000000000000000"]),
        ("10-12 or 5 - 3", ["10", "12", "5", "3"]),
        ("it is -5, 是-6, x=-7, 3--4", ["-5", "-6", "-7", "3", "-4"]),
        ("- 8 apples", ["8"]),
        ("2 + 3 = 5.", ["2", "3", "5"]),
        ("1,2,3", ["1", "2", "3"]),
        ("共42个", ["42"]),
        ("CO2 and x2", []),
        (r"\boxed{17}", ["17"]),
        (".5", ["0.5"]),
        ("007", ["7"]),
        ("1/0", []),
        ("none", []),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, numbers: list[str]) -> None:
    assert [number.text for number in find_numbers(text)] == numbers


def test_a_number_is_exact_and_a_percentage_is_a_hundredth() -> None:
    assert last_number("0.1") is not None
    assert [n.value for n in find_numbers("0.1 then 45%")] == [Fraction(1, 10), Fraction(45, 100)]


@settings(deadline=None, max_examples=60)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_any_decimal_is_read_back(value: object) -> None:
    found = last_number(f"So it is {value:,} in all")
    assert found is not None
    assert found.value == Fraction(str(value))


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
        (AnswerRule("label", labels=("A", "B")), "(b) since A Band is no b", ["B", "A", "B"]),
        (AnswerRule("label", labels=("C++", "C#", "[x]")), "c++ or C# or [X]?", ["C++", "C#", "[x]"]),
        (AnswerRule("label", labels=()), "anything", []),
    ],
)
def test_labels_are_whole_words_in_their_own_spelling(rule: AnswerRule, text: str, labels: list[str]) -> None:
    assert find_labels(rule.labels, text) == labels


@pytest.mark.parametrize(
    ("text", "answer", "note"),
    [
        ("Positive.", "positive", ""),
        ("positive, positive, positive", "positive", ""),
        (
            "Positive, though not negative",
            "positive",
            "names 2 labels: positive, negative; took the one it starts with",
        ),
        ("neither positive nor negative", None, "names 2 labels: positive, negative"),
        ("meh", None, "names no label"),
        ("", None, "the reply is empty"),
    ],
)
def test_a_label_is_taken_when_it_is_the_only_one_or_comes_first(text: str, answer: str | None, note: str) -> None:
    read = read_answer(MOOD, text)
    assert (read.answer, read.note) == (answer, note)


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
    read = read_answer(rule, text, marker="Answer:")
    assert (read.answer, read.note) == (answer, "")


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
        (MOOD, "positive? no, negative", "negative", "no 'Answer:' line; took the last label in the reply"),
        (AnswerRule("json"), 'it is {"a":1}', '{"a":1}', "no 'Answer:' line; took the first JSON in the reply"),
        (NUMBER, "I do not know", None, "no 'Answer:' line"),
    ],
)
def test_without_the_marked_line_the_note_says_so(rule: AnswerRule, text: str, answer: str | None, note: str) -> None:
    read = read_answer(rule, text, marker="Answer:")
    assert (read.answer, read.note) == (answer, note)


def test_a_thought_is_reasoning_and_never_the_answer() -> None:
    read = read_answer(NUMBER, "<think>\nAnswer: 3\n</think>\n\nSum.\nAnswer: 5", marker="Answer:")
    assert (read.reasoning, read.answer) == ("Answer: 3\n\nSum.", "5")
    assert read_answer(TEXT, "so be it</think>Yes").reasoning == "so be it"
    cut = read_answer(NUMBER, "<think>maybe 4")
    assert (cut.answer, cut.note) == (None, "the reasoning was cut before an answer came")


def test_json_is_found_canonical_and_of_the_kind_the_schema_wants() -> None:
    rule = AnswerRule("json", schema={"type": "object"})
    assert read_answer(rule, 'see [1]: {"b": "}", "a": [2]} ok').answer == '{"a":[2],"b":"}"}'
    assert find_json('{"first": 1}\n```json\n{"fenced": 1}\n```') == '{"fenced":1}'
    assert find_json("{NaN} {'single': 1} [1, 2]") == "[1,2]"
    assert find_json('{"a": NaN}') is None


def test_json_with_a_lone_surrogate_can_still_be_stored() -> None:
    found = find_json('{"a": "\\ud800"}')
    assert found is not None
    found.encode()
    assert json.loads(found) == {"a": "\ud800"}


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


def test_the_majority_answers_with_its_margin() -> None:
    assert vote(["18", "26", "18", None]) == MajorityAnswer("18", 2, 3, pytest.approx(1 / 3))  # type: ignore[arg-type]
    assert vote(["b", "a", "a", "b"]) == MajorityAnswer("b", 2, 4, 0.0)
    assert vote([None, None]) == MajorityAnswer(None, 0, 0, 0.0)
    assert vote(["x"]) == MajorityAnswer("x", 1, 1, 1.0)
