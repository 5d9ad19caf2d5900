"""Expected calls as JSON are those of the other notation, and what cannot be read says why."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from promptgrid.grading.call_json import expected_calls
from promptgrid.grading.call_syntax import parse_calls


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ({"name": "f", "arguments": {"a": 1, "b": [True, None]}}, "f(a=1, b=[true, null])"),
        ({"name": "f"}, "f"),
        ({"name": "f", "arguments": {}}, "f()"),
        ([{"name": "f"}, "g"], "f; g"),
        ("f", "f"),
        ([], "none"),
        ({"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}, "f(a=1)"),
        ({"name": "f", "arguments": {"a": {"$one_of": ["x", 2]}}}, 'f(a="x"|2)'),
        ({"name": "f", "arguments": {"a": {"$number": 3, "$tolerance": 0.5}}}, "f(a=3±0.5)"),
        ({"name": "f", "arguments": {"a": {"$regex": r"^\d$"}, "b": {"$anything": True}}},
         'f(a=regex("^\\d$"), b=anything)'),
        ({"name": "f", "arguments": {"a": {"$optional": {"$one_of": [1, 2]}}, "$more": True}}, "f(a?=1|2, ...)"),
        ({"name": "f", "arguments": {"a": {"b": {"$optional": 1}, "$more": True}}}, 'f(a={"b"?: 1, ...})'),
        ({"name": "f", "arguments": {"a": {"$equal": {"$regex": [1]}}}}, 'f(a={"$regex": [1]})'),
    ],
)  # fmt: skip
def test_json_and_text_say_the_same(cell: Any, text: str) -> None:
    assert expected_calls(json.dumps(cell)) == parse_calls(text)


def test_a_list_of_calls_as_text_is_no_json() -> None:
    assert expected_calls("[f(a=1), g]") == parse_calls("f(a=1); g")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ('{"name": "f"', "it is no JSON: Expecting ',' delimiter"),
        ('[ {"name": "f",}]', "it is no JSON: "),
        ('{"name": "f", "arguments": {"a": NaN}}', "NaN is no JSON"),
        ('{"name": "f", "arguments": {"a": 1, "a": 2}}', "a is there twice"),
        ('{"tool": "f"}', 'is no call: write {"name": …, "arguments": {…}}'),
        ('[["f"]]', "is no call"),
        ('{"name": "f", "args": {}}', "a call has a name and arguments, no args"),
        ('{"name": "f", "arguments": [1]}', "the arguments [1] are no JSON object"),
        ('{"name": "f", "arguments": "[1]"}', "the arguments [1] are no JSON object"),
        ('{"name": "f", "arguments": {"$anything": true}}', "$anything stands for one value, not for arguments"),
        ('{"name": "f", "arguments": {"a": {"$on_of": [1]}}}', "Did you mean $one_of?"),
        ('{"name": "f", "arguments": {"a": {"$one_of": []}}}', "is no value that can be compared"),
        ('{"name": "f", "arguments": {"a": {"$number": true, "$tolerance": 1}}}', "is no value that can be compared"),
        ('{"name": "f", "arguments": {"a": [{"$optional": 1}]}}', "is no value that can be compared"),
        ('{"name": "f", "arguments": {"a": ' + "[" * 60 + "]" * 60 + "}}", "40 brackets within brackets"),
        ('{"name": "f", "arguments": {"a": ' + "[" * 99_999 + "]" * 99_999 + "}}", "it is nested too deeply"),
        ('{"name": "f", "arguments": {"a": {"$regex": "("}}}', "the pattern '(' is wrong"),
        ('f(a=[{"b": "x"|regex("(")}])', "the pattern '(' is wrong"),
        ("It is sunny today.", "; or a new line is missing"),
    ],
)
def test_what_cannot_be_read_says_why(cell: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        expected_calls(cell)
