"""JSON is read whole: nothing inside of a bracket that does not parse is an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import ballot, canonical_json, find_json, read_answer
from promptgrid.prompt import AnswerRule

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-100, 100)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["```", "[1]", '{"a":1}', "// x", "\\", '"', "{", "]"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
WHOLE = VALUES.filter(lambda value: isinstance(value, (dict, list)))
RULES = (
    AnswerRule("json"),
    AnswerRule("json", schema={"type": "object"}),
    AnswerRule("json", schema={"type": "array"}),
)
FRAMES = (
    "{}",
    "```json\n{}\n```",
    "Here it is:\n{}\nBye.",
    "Answer: {}",
    "By [note 2] it is {}",
    "```\n{}\n```\nDone.",
)


@settings(deadline=None, max_examples=400)
@given(WHOLE, st.sampled_from(FRAMES), st.sampled_from([None, 1, 2]))
def test_json_is_read_back(value: Any, frame: str, indent: int | None) -> None:
    answer = read_answer(RULES[0], frame.format(json.dumps(value, indent=indent)))
    assert answer.answer == canonical_json(value)


@settings(deadline=None, max_examples=600)
@given(WHOLE, st.sampled_from(FRAMES), st.data())
def test_json_that_is_cut_is_never_its_part(value: Any, frame: str, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    cut = frame.split("{}")[0] + text[: data.draw(st.integers(1, len(text)))]
    for rule in RULES:
        answer = read_answer(rule, cut)
        assert answer.answer in (None, canonical_json(value)), (cut, answer)
        assert answer.answer or answer.note


@pytest.mark.parametrize(
    ("schema", "reply", "answer"),
    [
        ({}, "{NaN} {'single': 1} [1, 2]", None),
        ({}, '{"a": 1}\nor\n{"a": 2}', None),
        ({}, '{"a": 1}\nagain\n{"a": 1.0}', '{"a":1}'),
        ({}, 'Output:\n{"a": 2}\nfor the input {"x": [1]}.\nAnswer: {"a": 2}', '{"a":2}'),
        ({"type": "object"}, '```json\n{"a": 1,}\n```\n{"b": 2}', None),
        ({"type": "integer"}, "7", "7"),
        ({"type": "integer"}, "It is 7.", None),
        ({"type": "string"}, '"seven"', '"seven"'),
        ({"enum": ["a", "b"]}, '"a"', '"a"'),
        ({"type": ["object", "null"]}, "null", "null"),
        ({"type": "object"}, "null", None),
        ({"type": "array"}, 'see [1] and {"a": 1}', "[1]"),
        ({}, 'a smile :[ and {"a": 1}', '{"a":1}'),
        ({}, '{"a": 1e2, "b": 8.00}', '{"a":100,"b":8}'),
    ],
)
def test_which_json_is_the_answer(schema: dict[str, Any], reply: str, answer: str | None) -> None:
    result = read_answer(AnswerRule("json", schema=schema), reply)
    assert result.answer == answer
    assert result.answer or result.note


def test_equal_values_are_one_vote() -> None:
    answers = [read_answer(AnswerRule("json"), reply).answer for reply in ('{"n":1}', '{"n": 1.0}', '{ "n": 1e0 }')]
    assert len({ballot(answer) for answer in answers}) == 1


def test_find_json_says_nothing_where_there_are_two() -> None:
    assert find_json('{"a": 1} {"b": 1}') is None
    assert find_json('see [1]: {"a": 1}', only=dict) == '{"a":1}'
