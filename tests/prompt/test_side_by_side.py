"""Calls of several replies side by side."""

from __future__ import annotations

from promptgrid.prompt import ToolCall
from promptgrid.prompt.tools.side_by_side import aligned, written


def call(name: str, arguments: str = "{}") -> ToolCall:
    return ToolCall("", name, arguments)


def test_the_nth_call_of_a_tool_stands_beside_the_nth_of_the_others() -> None:
    one, two = [call("a", "1"), call("b"), call("a")], [call("b"), call("a", "1")]
    rows = aligned([one, two])
    assert [(row.name, [c is not None for c in row.calls], list(row.differing)) for row in rows] == [
        ("a", [True, True], []),
        ("b", [True, True], []),
        ("a", [True, False], ["call"]),
    ]


def test_the_arguments_that_differ_are_named_deeply_and_whatever_their_order() -> None:
    left, right = '{"x": 1, "y": {"p": [1, 2], "q": 1}}', '{"y": {"q": 1, "p": [1, 2]}, "x": 2, "z": 0}'
    (row,) = aligned([[call("f", left)], [call("f", right)]])
    assert row.differing == ["x", "z"]
    (odd,) = aligned([[call("f", "{x")], [call("f", left)]])
    assert odd.differing == ["arguments"]


def test_a_call_is_written_in_one_line() -> None:
    assert written(call("f", '{"a": "ö", "b": [1]}')) == 'f(a="ö", b=[1])'
    assert written(call("f", "{x")) == "f({x)"
    assert written(call("f", "")) == "f()"
