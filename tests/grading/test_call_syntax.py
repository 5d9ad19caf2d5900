"""Expected calls as text: read exactly, written as they are read, and a fault is told with its place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.grading.argument_values import Anything, Equal, ExpectedValue, Items, Members, Near, OneOf, Pattern
from promptgrid.grading.call_syntax import parse_calls
from promptgrid.grading.expected_call import ExpectedCall


def value_of(text: str) -> ExpectedValue:
    (call,) = parse_calls(f"f(x={text})")
    assert call.arguments is not None
    return call.arguments.values["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"Paris"', Equal("Paris")),
        ("'it\\'s'", Equal("it's")),
        (r'"a\n\"b\" \u4f60 \ud83d\ude00 \d"', Equal('a\n"b" 你 😀 \\d')),
        (r'r"\n"', Equal("\\n")),
        ("-3", Equal(-3)),
        ("2.50", Equal(2.5)),
        ("1e3", Equal(1000.0)),
        ("3±1", Near(3, 1)),
        ("0.3 +- 0.1", Near(0.3, 0.1)),
        ("true", Equal(True)),
        ("False", Equal(False)),
        ("None", Equal(None)),
        ("null", Equal(None)),
        ("anything", Anything()),
        (r'regex("^\d+$")', Pattern(r"^\d+$")),
        ('"C"|"F" | null', OneOf((Equal("C"), Equal("F"), Equal(None)))),
        ("[1, [true], ]", Items((Equal(1), Items((Equal(True),))))),
        ("[]", Items(())),
        ('{"a": 1, b?: 2±1, ...}', Members({"a": Equal(1), "b": Near(2, 1)}, frozenset("b"), more=True)),
    ],
)
def test_a_value_is_read_as_it_is_written(text: str, value: ExpectedValue) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("none", ()),
        (" None ", ()),
        ("[]", ()),
        ("now", (ExpectedCall("now"),)),
        ("now()", (ExpectedCall("now", Members({})),)),
        ("now(...)", (ExpectedCall("now", Members({}, more=True)),)),
        ("a; b", (ExpectedCall("a"), ExpectedCall("b"))),
        ("a\nb\n", (ExpectedCall("a"), ExpectedCall("b"))),
        ("[a, b]", (ExpectedCall("a"), ExpectedCall("b"))),
        ("a,\nb;", (ExpectedCall("a"), ExpectedCall("b"))),
        ("book(from=1)", (ExpectedCall("book", Members({"from": Equal(1)})),)),
        ("math.sum-up(user-id=1)", (ExpectedCall("math.sum-up", Members({"user-id": Equal(1)})),)),
        ('"my tool"("my key"=1)', (ExpectedCall("my tool", Members({"my key": Equal(1)})),)),
        ("查天气(城市='北京')", (ExpectedCall("查天气", Members({"城市": Equal("北京")})),)),
    ],
)
def test_calls_are_read_in_their_order(text: str, calls: tuple[ExpectedCall, ...]) -> None:
    assert parse_calls(text) == calls


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the name of a tool is missing at the end (character 1)"),
        ("It is sunny", "; or a new line is missing before is sunny (character 4)"),
        ("f(x=Paris)", "the value Paris is not known: write a text in quotes (character 10)"),
        ("f(x=007)", "a value is missing before 007) (character 5)"),
        ("f(x=1e999)", "1e999 is too large a number (character 10)"),
        ("f(x=1", ", or ) is missing at the end (character 6)"),
        ("f(x=1 y=2)", ", or ) is missing before y=2) (character 7)"),
        ("f(x=1, x=2)", "x is there twice (character 9)"),
        ("f(..., x=1)", ") after ... is missing before x=1) (character 8)"),
        ("f(1)", "a name is missing before 1) (character 3)"),
        ("f(x=1±-1)", "the tolerance, a number that is not negative, is missing before ) (character 9)"),
        ("f(x=regex(1))", "the pattern in quotes is missing before 1)) (character 11)"),
        ('f(x="a)', "a value is missing before \"a) (character 5)"),
        ("[a b]", "; or ] is missing before b] (character 4)"),
        ("[a] b", "the end is missing before b (character 5)"),
        ("f(x=" + "[" * 50, "more than 40 brackets within brackets (character 45)"),
        ("__import__('os')", "= and a value is missing before ) (character 16)"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_calls(text)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NUMBERS = st.integers(0, 10**9) | st.floats(0, 1e9)
NAMES = st.text(min_size=1)


def members(values: st.SearchStrategy[ExpectedValue]) -> st.SearchStrategy[Members]:
    named = st.dictionaries(NAMES, values, max_size=3)
    return named.flatmap(
        lambda given: st.builds(
            Members,
            st.just(given),
            st.frozensets(st.sampled_from(sorted(given)) if given else st.nothing()),
            st.booleans(),
        )
    )


SINGLE = st.recursive(
    st.builds(Equal, SCALARS) | st.builds(Near, NUMBERS, NUMBERS) | st.just(Anything()) | st.builds(Pattern, st.text()),
    lambda inner: st.builds(Items, st.lists(inner, max_size=3).map(tuple)) | members(inner),
    max_leaves=6,
)
VALUES = SINGLE | st.builds(OneOf, st.lists(SINGLE, min_size=2, max_size=3).map(tuple))
CALLS = st.builds(ExpectedCall, NAMES, st.none() | members(VALUES))


@settings(deadline=None, max_examples=150)
@given(st.lists(CALLS, min_size=1, max_size=3))
def test_a_call_is_written_as_it_is_read(calls: list[ExpectedCall]) -> None:
    assert parse_calls(f"[{'; '.join(map(str, calls))}]") == tuple(calls)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="f(x=1,\"'[]{}|±.?:;\n \\rnull") | st.text())
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        calls = parse_calls(text)
    except ValueError as error:
        calls, says = (), str(error)
    else:
        says = "(character 1)"
    assert "(character " in says
    assert all(call.name or '""' in text or "''" in text for call in calls)
